use super::*;
use crate::bytes::read_all;
use proptest::prelude::*;

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    writer.write_all(bytes).expect("in memory");
    writer.finish().expect("in memory")
}

fn zstandard(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).expect("in memory")
}

/// Numbers, as in logs: they do not compress to nothing.
fn lines(count: u32) -> Vec<u8> {
    (0..count).flat_map(|i| format!("{i} {}\n", i.wrapping_mul(2_654_435_761)).into_bytes()).collect()
}

fn decompress(compressed: &[u8], memory: usize) -> (Vec<u8>, Option<DecompressStop>) {
    let compression = Compression::of(compressed).expect("compressed");
    let size = compressed.len() as u64;
    let content = compression.bounded(&compressed, size, memory, &|| Ok(())).expect("in memory");
    let stop = content.stop.clone();
    let bytes = read_all(&content).expect("readable");
    assert_eq!(bytes.len() as u64, content.size());
    (bytes, stop)
}

#[test]
fn both_kinds_in_memory_and_in_a_file_and_several_in_a_row() {
    let text = lines(50_000);
    for pack in [gzipped, zstandard] {
        for memory in [MEMORY, 10_000] {
            assert_eq!(decompress(&pack(&text), memory), (text.clone(), None));
            let several = [pack(&text[..1000]), pack(b""), pack(&text[1000..]), pack(b"")].concat();
            assert_eq!(decompress(&several, memory), (text.clone(), None));
        }
        assert_eq!(decompress(&pack(b""), MEMORY), (Vec::new(), None));
    }
    // Zeros after the last member of gzip, and a frame that zstd skips.
    assert_eq!(decompress(&[gzipped(&text), vec![0; 100_000]].concat(), MEMORY), (text.clone(), None));
    let skipped = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3][..], &zstandard(&text)].concat();
    assert_eq!(decompress(&skipped, MEMORY), (text.clone(), None));
    let small = |compression: Compression, bytes: &[u8], bound: u64| {
        compression.decompress_small(&bytes, bound, &|| Ok(())).expect("in memory")
    };
    assert!(small(Compression::Gzip, &gzipped(&text), 1000).is_none());
    let content = small(Compression::Zstd, &zstandard(&text), 10 << 20);
    assert_eq!(content.expect("small").size(), text.len() as u64);
}

#[test]
fn content_may_end_where_a_block_does() {
    let size = zstd::zstd_safe::DCtx::out_size();
    for length in [size - 1, size, size + 1, 2 * size, 9 * size, STEP, 2 * STEP] {
        let text = lines(200_000)[..length].to_vec();
        for pack in [gzipped, zstandard] {
            let compressed = pack(&text);
            assert_eq!(decompress(&compressed, MEMORY), (text.clone(), None), "{length}");
            let twice = [&compressed[..], &compressed].concat();
            assert_eq!(decompress(&twice, MEMORY), ([&text[..], &text].concat(), None), "{length}");
            let (_, stop) = decompress(&compressed[..compressed.len() - 1], MEMORY);
            assert_eq!(stop.map(|stop| stop.kind), Some(DecompressStopKind::Truncated), "{length}");
        }
    }
}

#[test]
fn a_torn_file_gives_what_is_there() {
    let text = lines(100_000);
    for (pack, least) in [(gzipped as fn(&[u8]) -> Vec<u8>, 9), (zstandard, 3)] {
        let compressed = pack(&text);
        for cut in [20, compressed.len() / 3, compressed.len() / 2, compressed.len() - 1] {
            let (bytes, stop) = decompress(&compressed[..cut], MEMORY);
            assert_eq!(bytes, text[..bytes.len()], "cut at {cut}");
            let stop = stop.expect("torn");
            assert_eq!((stop.kind, stop.at), (DecompressStopKind::Truncated, cut as u64));
            // All complete blocks are there: a block is at most 128 KB of the content.
            assert!(
                bytes.len() + (128 << 10) >= text.len() * cut / compressed.len() * least / 10,
                "cut at {cut}: {}",
                bytes.len()
            );
        }
    }
}

#[test]
fn a_damaged_file_gives_the_content_before_the_damage() {
    let text = lines(100_000);
    for pack in [gzipped, zstandard] {
        let compressed = pack(&text);
        for at in [compressed.len() / 2, compressed.len() - 2] {
            let mut damaged = compressed.clone();
            damaged[at] ^= 0x55;
            let (bytes, stop) = decompress(&damaged, MEMORY);
            let stop = stop.expect("damaged");
            assert_eq!(stop.kind, DecompressStopKind::Corrupt);
            let same = bytes.iter().zip(&text).take_while(|(one, other)| one == other).count();
            assert!(same + (256 << 10) >= text.len() * at / compressed.len(), "{at}: {same}");
        }
        let (bytes, stop) = decompress(&[&compressed[..], b"more"].concat(), MEMORY);
        assert_eq!((bytes, stop), (text.clone(), Some(DecompressStop::trailing(compressed.len() as u64))));
    }
}

#[test]
fn a_bomb_is_not_read_to_its_end() {
    let zeros = vec![0; 3_000_000];
    for pack in [gzipped, zstandard] {
        let compressed = pack(&zeros);
        let (bytes, stop) = decompress(&compressed, 100_000);
        let stop = stop.expect("a bomb");
        assert_eq!(stop.kind, DecompressStopKind::TooLarge);
        assert!(bytes.len() <= 100_000);
        assert!(stop.at <= compressed.len() as u64);
        // Content that fits into memory is never a bomb, however well it is compressed.
        assert_eq!(decompress(&compressed, 4_000_000).1, None);
    }
}

#[test]
fn names() {
    for (name, plain) in
        [("a.csv.gz", "a.csv"), ("a.zst", "a"), ("a.zstd", "a"), ("a.csv", "a.csv"), (".gz", ".gz"), ("gz", "gz")]
    {
        assert_eq!(plain_name(name), plain);
    }
}

proptest! {
    #[test]
    fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..300), gzip in any::<bool>()) {
        let head: &[u8] = if gzip { &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3] } else { &[0x28, 0xb5, 0x2f, 0xfd] };
        decompress(&[head, &bytes].concat(), 1000);
    }

    #[test]
    fn any_damage_ends(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>(), gzip in any::<bool>()) {
        let mut compressed = if gzip { gzipped(&lines(500)) } else { zstandard(&lines(500)) };
        let at = at.index(compressed.len() - 4) + 4;
        compressed[at] = byte;
        compressed.truncate(compressed.len() - cut.index(50));
        decompress(&compressed, 1000);
    }
}
