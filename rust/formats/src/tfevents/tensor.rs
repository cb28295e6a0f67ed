//! The number in a `TensorProto`, where it is one number.

use crate::shared::proto::{FieldValue, MalformedMessage, MessageFields, varint};

/// What a tensor is, to one who looks for scalars.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Tensor {
    /// A number; `rank` 0 is a scalar proper.
    Number { value: f64, rank: usize },
    /// Several elements, none, or no numbers.
    Other,
}

/// How an element is stored in `tensor_content`, and in which of the `*_val` fields otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TensorKind {
    Float,
    Double,
    /// Signed, of so many bytes; in `int_val`, or in `int64_val` where it has eight.
    Signed(usize),
    /// Unsigned likewise; `uint32_val` from four bytes on.
    Unsigned(usize),
    /// Four bits in a byte of their own.
    Signed4,
    Unsigned4,
    Bool,
    Half,
    BFloat16,
    Float8E5M2,
    Float8E4M3,
}

impl TensorKind {
    /// By the numbers of `DataType`; `None` for strings, complex numbers, resources and the like.
    fn of(data_type: u64) -> Option<Self> {
        Some(match data_type {
            1 => Self::Float,
            2 => Self::Double,
            3 | 13 => Self::Signed(4),
            4 | 12 => Self::Unsigned(1),
            5 | 15 => Self::Signed(2),
            6 | 11 => Self::Signed(1),
            9 => Self::Signed(8),
            10 => Self::Bool,
            14 => Self::BFloat16,
            16 | 17 => Self::Unsigned(2),
            19 => Self::Half,
            22 => Self::Unsigned(4),
            23 => Self::Unsigned(8),
            24 => Self::Float8E5M2,
            25 => Self::Float8E4M3,
            29 => Self::Signed4,
            30 => Self::Unsigned4,
            _ => return None,
        })
    }

    fn width(self) -> usize {
        match self {
            Self::Double => 8,
            Self::Float => 4,
            Self::Half | Self::BFloat16 => 2,
            Self::Signed(width) | Self::Unsigned(width) => width,
            Self::Bool | Self::Signed4 | Self::Unsigned4 | Self::Float8E5M2 | Self::Float8E4M3 => 1,
        }
    }

    /// The `*_val` field that holds elements of this kind.
    fn field(self) -> u64 {
        match self {
            Self::Float => 5,
            Self::Double => 6,
            Self::Signed(8) => 10,
            Self::Signed(_) | Self::Unsigned(1 | 2) | Self::Signed4 | Self::Unsigned4 => 7,
            Self::Bool => 11,
            Self::Half | Self::BFloat16 => 13,
            Self::Unsigned(8) => 17,
            Self::Unsigned(_) => 16,
            Self::Float8E5M2 | Self::Float8E4M3 => 18,
        }
    }

    /// The number whose bits, little endian, are the lowest of `bits`.
    #[expect(clippy::cast_precision_loss, reason = "the value column is float64, for integers too")]
    #[expect(clippy::cast_possible_truncation, reason = "each kind takes its own lowest bits")]
    fn number(self, bits: u64) -> f64 {
        match self {
            Self::Float => f64::from(f32::from_bits(bits as u32)),
            Self::Double => f64::from_bits(bits),
            Self::Signed(width) => sign_extended(bits, 8 * width) as f64,
            Self::Signed4 => sign_extended(bits, 4) as f64,
            Self::Unsigned(width) => (bits & (u64::MAX >> (64 - 8 * width))) as f64,
            Self::Unsigned4 => (bits & 0xf) as f64,
            Self::Bool => f64::from(u8::from(bits != 0)),
            Self::Half => small_float(bits as u16, 5, 10),
            // The upper half of a 32-bit float.
            Self::BFloat16 => f64::from(f32::from_bits((bits as u32) << 16)),
            // The upper half of a 16-bit one.
            Self::Float8E5M2 => small_float((bits as u16) << 8, 5, 10),
            // No infinities: what would be NaNs and infinities elsewhere are numbers, but for the last.
            Self::Float8E4M3 if bits & 0x7f == 0x7f => f64::NAN,
            Self::Float8E4M3 if bits & 0x78 == 0x78 => {
                let magnitude = 256.0 * (1.0 + (bits & 7) as f64 / 8.0);
                if bits & 0x80 == 0 { magnitude } else { -magnitude }
            }
            Self::Float8E4M3 => small_float(bits as u16 & 0xff, 4, 3),
        }
    }
}

/// The lowest `width` bits as a signed number.
fn sign_extended(bits: u64, width: usize) -> i64 {
    (bits << (64 - width)).cast_signed() >> (64 - width)
}

/// An IEEE-like float of a sign, an exponent of `exponent_bits` and a fraction of `fraction_bits`.
fn small_float(bits: u16, exponent_bits: u32, fraction_bits: u32) -> f64 {
    let fraction = bits & ((1 << fraction_bits) - 1);
    let exponent = (bits >> fraction_bits) & ((1 << exponent_bits) - 1);
    let middle = (1 << (exponent_bits - 1)) - 1;
    let part = f64::from(fraction) / f64::from(1_u32 << fraction_bits);
    let magnitude = if exponent == 0 {
        part * 2_f64.powi(1 - middle)
    } else if exponent == (1 << exponent_bits) - 1 {
        if fraction == 0 { f64::INFINITY } else { f64::NAN }
    } else {
        (1.0 + part) * 2_f64.powi(i32::from(exponent) - middle)
    };
    if bits >> (exponent_bits + fraction_bits) & 1 == 0 { magnitude } else { -magnitude }
}

/// Reads a `TensorProto`.
pub(crate) fn read(message: &[u8]) -> Result<Tensor, MalformedMessage> {
    let (mut data_type, mut shape, mut content) = (0, &[][..], &[][..]);
    let mut fields = MessageFields::of(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => data_type = value.varint()?,
            2 => shape = value.bytes()?,
            4 => content = value.bytes()?,
            _ => {}
        }
    }
    let (Some(kind), Some(rank)) = (TensorKind::of(data_type), rank_of_one(shape)?) else {
        return Ok(Tensor::Other);
    };
    let bits = match content.len() {
        0 => element(message, kind)?,
        length if length == kind.width() => {
            let mut bits = [0; 8];
            bits[..length].copy_from_slice(content);
            u64::from_le_bytes(bits)
        }
        _ => return Err(MalformedMessage),
    };
    Ok(Tensor::Number { value: kind.number(bits), rank })
}

/// The rank of a `TensorShapeProto` of one element; `None` where it has more, none, or an unknown number.
fn rank_of_one(shape: &[u8]) -> Result<Option<usize>, MalformedMessage> {
    let mut rank = 0;
    let mut fields = MessageFields::of(shape);
    while let Some((number, value)) = fields.next()? {
        match number {
            2 => {
                let mut size = 0;
                let mut dimension = MessageFields::of(value.bytes()?);
                while let Some((number, value)) = dimension.next()? {
                    if number == 1 {
                        size = value.varint()?;
                    }
                }
                if size != 1 {
                    return Ok(None);
                }
                rank += 1;
            }
            3 if value.varint()? != 0 => return Ok(None),
            _ => {}
        }
    }
    Ok(Some(rank))
}

/// The first element of the kind's `*_val` field, packed or not. An empty field means zeros.
fn element(message: &[u8], kind: TensorKind) -> Result<u64, MalformedMessage> {
    let mut fields = MessageFields::of(message);
    while let Some((number, value)) = fields.next()? {
        if number != kind.field() {
            continue;
        }
        let bits = match value {
            FieldValue::Varint(bits) | FieldValue::Fixed64(bits) => bits,
            FieldValue::Fixed32(bits) => u64::from(bits),
            FieldValue::Bytes([]) => continue,
            FieldValue::Bytes(mut packed) => match kind {
                TensorKind::Float => u64::from(u32::from_le_bytes(*packed.first_chunk().ok_or(MalformedMessage)?)),
                TensorKind::Double => u64::from_le_bytes(*packed.first_chunk().ok_or(MalformedMessage)?),
                TensorKind::Float8E5M2 | TensorKind::Float8E4M3 => u64::from(packed[0]),
                _ => varint(&mut packed)?,
            },
        };
        return Ok(bits);
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A tensor of no dimensions, whose content is in `field` (a length-delimited one).
    fn tensor(data_type: u8, field: u8, content: &[u8]) -> Vec<u8> {
        let mut message = vec![0x08, data_type, 0x12, 0x00];
        // A field number above 15 takes a second byte.
        let key = u16::from(field) << 3 | 2;
        if key > 0x7f {
            message.extend([u8::try_from(key & 0x7f | 0x80).expect("7 bits"), u8::try_from(key >> 7).expect("1 bit")]);
        } else {
            message.push(u8::try_from(key).expect("7 bits"));
        }
        message.push(u8::try_from(content.len()).expect("short"));
        message.extend(content);
        message
    }

    fn number(message: &[u8]) -> f64 {
        match read(message).expect("a tensor") {
            Tensor::Number { value, rank: 0 } => value,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_numeric_type_by_content() {
        for (data_type, content, expected) in [
            (1, &1.5_f32.to_le_bytes()[..], 1.5),
            (2, &0.1_f64.to_le_bytes(), 0.1),
            (3, &(-7_i32).to_le_bytes(), -7.0),
            (4, &[200], 200.0),
            (5, &(-300_i16).to_le_bytes(), -300.0),
            (6, &[0xfe], -2.0),
            (9, &i64::MIN.to_le_bytes(), -9_223_372_036_854_775_808.0),
            (10, &[1], 1.0),
            (14, &[0xc0, 0x3f], 1.5),
            (17, &[0xff, 0xff], 65535.0),
            (19, &[0x00, 0x3e], 1.5),
            (22, &u32::MAX.to_le_bytes(), 4_294_967_295.0),
            (23, &u64::MAX.to_le_bytes(), 18_446_744_073_709_551_615.0),
            (24, &[0x3e], 1.5),
            (25, &[0x3c], 1.5),
            (25, &[0xfe], -448.0),
            (29, &[0x0f], -1.0),
            (30, &[0x0f], 15.0),
        ] {
            assert_eq!(number(&tensor(data_type, 4, content)).to_bits(), f64::to_bits(expected), "type {data_type}");
        }
    }

    #[test]
    fn every_numeric_type_by_value() {
        let minus_two = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        for (data_type, field, packed, expected) in [
            (1, 5, &1.5_f32.to_le_bytes()[..], 1.5),
            (2, 6, &0.1_f64.to_le_bytes(), 0.1),
            (3, 7, &minus_two, -2.0),
            (4, 7, &[0xc8, 0x01], 200.0),
            (6, 7, &minus_two, -2.0),
            (9, 10, &minus_two, -2.0),
            (10, 11, &[1], 1.0),
            (14, 13, &[0xc0, 0x7f], 1.5),
            (19, 13, &[0x80, 0x7c], 1.5),
            (22, 16, &[0xff, 0xff, 0xff, 0xff, 0x0f], 4_294_967_295.0),
            (23, 17, &[0x05], 5.0),
            (24, 18, &[0x3e], 1.5),
            (29, 7, &minus_two, -2.0),
        ] {
            assert_eq!(number(&tensor(data_type, field, packed)).to_bits(), f64::to_bits(expected), "type {data_type}");
        }
        // Not packed, as old writers have it; and nothing at all, which is zero.
        assert_eq!(number(&[0x08, 1, 0x2d, 0, 0, 0xc0, 0x3f]).to_bits(), 1.5_f64.to_bits());
        assert_eq!(number(&[0x08, 3, 0x38, 5]).to_bits(), 5_f64.to_bits());
        assert_eq!(number(&[0x08, 2]).to_bits(), 0_f64.to_bits());
    }

    #[test]
    fn half_floats_at_their_ends() {
        for (bits, expected) in [
            (0x0001_u16, 2_f64.powi(-24)),
            (0x03ff, 1023.0 * 2_f64.powi(-24)),
            (0x7bff, 65504.0),
            (0xfc00, f64::NEG_INFINITY),
            (0x8000, -0.0),
        ] {
            assert_eq!(small_float(bits, 5, 10).to_bits(), expected.to_bits(), "{bits:#06x}");
        }
        assert!(small_float(0x7e00, 5, 10).is_nan());
    }

    #[test]
    fn shapes_that_are_no_number() {
        let one_by_one = [0x08, 1, 0x12, 8, 0x12, 2, 0x08, 1, 0x12, 2, 0x08, 1, 0x2d, 0, 0, 0x80, 0x3f];
        assert_eq!(read(&one_by_one), Ok(Tensor::Number { value: 1.0, rank: 2 }));
        let three = [0x08, 1, 0x12, 4, 0x12, 2, 0x08, 3];
        let unknown = [0x08, 1, 0x12, 2, 0x18, 1];
        let text = [0x08, 7, 0x42, 1, b'a'];
        let complex = [0x08, 8];
        for other in [&three[..], &unknown, &text, &complex, &[]] {
            assert_eq!(read(other), Ok(Tensor::Other));
        }
        assert_eq!(read(&tensor(1, 4, &[0, 0, 0])), Err(MalformedMessage), "three bytes of a float");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = read(&bytes);
        }
    }
}
