//! The part of protocol buffers that formats need: a cursor over the fields of one message, without copies.
//!
//! The numbers of the fields are in the formats.

/// The bytes are not a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MalformedMessage;

/// The value of a field, by wire type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldValue<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    Bytes(&'a [u8]),
}

impl<'a> FieldValue<'a> {
    pub(crate) fn bytes(self) -> Result<&'a [u8], MalformedMessage> {
        if let Self::Bytes(bytes) = self { Ok(bytes) } else { Err(MalformedMessage) }
    }

    pub(crate) fn varint(self) -> Result<u64, MalformedMessage> {
        if let Self::Varint(number) = self { Ok(number) } else { Err(MalformedMessage) }
    }

    pub(crate) fn double(self) -> Result<f64, MalformedMessage> {
        if let Self::Fixed64(bits) = self { Ok(f64::from_bits(bits)) } else { Err(MalformedMessage) }
    }

    pub(crate) fn float(self) -> Result<f32, MalformedMessage> {
        if let Self::Fixed32(bits) = self { Ok(f32::from_bits(bits)) } else { Err(MalformedMessage) }
    }
}

/// The fields of a message, in their order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MessageFields<'a>(&'a [u8]);

impl<'a> MessageFields<'a> {
    #[inline]
    pub(crate) fn of(message: &'a [u8]) -> Self {
        Self(message)
    }

    /// What is left of the message.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// The next field: its number and its value.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<Option<(u64, FieldValue<'a>)>, MalformedMessage> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let key = varint(&mut self.0)?;
        let value = match key & 7 {
            0 => FieldValue::Varint(varint(&mut self.0)?),
            1 => FieldValue::Fixed64(u64::from_le_bytes(self.take()?)),
            2 => {
                let length = usize::try_from(varint(&mut self.0)?).map_err(|_| MalformedMessage)?;
                let (bytes, rest) = self.0.split_at_checked(length).ok_or(MalformedMessage)?;
                self.0 = rest;
                FieldValue::Bytes(bytes)
            }
            5 => FieldValue::Fixed32(u32::from_le_bytes(self.take()?)),
            // 3 and 4 are groups, which these formats never use; 6 and 7 do not exist.
            _ => return Err(MalformedMessage),
        };
        Ok(Some((key >> 3, value)))
    }

    #[inline]
    fn take<const N: usize>(&mut self) -> Result<[u8; N], MalformedMessage> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(MalformedMessage)?;
        self.0 = rest;
        Ok(*bytes)
    }
}

/// Takes a variable-length integer from the front. Of a tenth byte only the lowest bit counts, as in every implementation of
/// protobuf.
#[inline]
pub(crate) fn varint(bytes: &mut &[u8]) -> Result<u64, MalformedMessage> {
    let Some((&first, rest)) = bytes.split_first() else {
        return Err(MalformedMessage);
    };
    if first < 0x80 {
        *bytes = rest;
        return Ok(u64::from(first));
    }
    let mut number = 0;
    for (index, &byte) in bytes.iter().enumerate().take(10) {
        number |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            *bytes = &bytes[index + 1..];
            return Ok(number);
        }
    }
    Err(MalformedMessage)
}

/// A field of bytes: its key, their length, and the bytes.
pub(crate) fn delimited(key: u8, bytes: &[u8]) -> Vec<u8> {
    let mut field = vec![key];
    push_varint(&mut field, bytes.len() as u64);
    field.extend_from_slice(bytes);
    field
}

/// Appends a variable-length integer.
#[inline]
pub(crate) fn push_varint(out: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        out.push(0x80 | number.to_le_bytes()[0]);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn varints() {
        for (mut bytes, expected) in [
            (&[0x00][..], Ok(0)),
            (&[0x7f], Ok(127)),
            (&[0xac, 0x02], Ok(300)),
            (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], Ok(u64::MAX)),
            (&[0x80; 11], Err(MalformedMessage)),
            (&[0x80], Err(MalformedMessage)),
            (&[], Err(MalformedMessage)),
        ] {
            assert_eq!(varint(&mut bytes), expected);
        }
    }

    #[test]
    fn fields_of_every_wire_type() {
        let message = [0x09, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0x10, 5, 0x1a, 2, b'h', b'i', 0x25, 0, 0, 0x80, 0x3f];
        let mut fields = MessageFields::of(&message);
        assert_eq!(fields.next(), Ok(Some((1, FieldValue::Fixed64(1_f64.to_bits())))));
        assert_eq!(fields.next(), Ok(Some((2, FieldValue::Varint(5)))));
        assert_eq!(fields.next(), Ok(Some((3, FieldValue::Bytes(b"hi")))));
        assert_eq!(fields.next(), Ok(Some((4, FieldValue::Fixed32(1_f32.to_bits())))));
        assert_eq!(fields.next(), Ok(None));
    }

    #[test]
    fn what_is_delimited_is_read_back() {
        for length in [0, 1, 127, 128, 300, 20_000] {
            let bytes = vec![7; length];
            let message = delimited(0x2a, &bytes);
            let mut fields = MessageFields::of(&message);
            assert_eq!(fields.next(), Ok(Some((5, FieldValue::Bytes(&bytes)))));
            assert_eq!(fields.next(), Ok(None));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut fields = MessageFields::of(&bytes);
            while let Ok(Some(_)) = fields.next() {}
        }
    }
}
