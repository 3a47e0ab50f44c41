//! GGUF: what a valid file holds, and every rule that a damaged one breaks.

use half::f16;

use super::*;
use crate::dtype::q8_0::BlockQ8_0;

#[test]
fn gguf_tensors_and_metadata() {
    let file = open(&synthetic::gguf().bytes);
    assert_eq!(file.format(), Format::Gguf { version: 3 });
    let expected = [
        ("output_norm.weight", 1, 3),
        ("blk.0.attn_q.weight", 3, 2),
        ("blk.0.ffn_down.weight", 2, 64),
        ("blk.0.ffn_up_exps.weight", 6, 2),
        ("blk.0.attn_v.weight", 1, 2),
        ("blk.0.attn_output.weight", 1, 32),
        ("blk.0.ffn_gate.weight", 1, 256),
        ("blk.0.ffn_up.weight", 1, 256),
        ("blk.1.ffn_gate.weight", 1, 256),
        ("blk.1.ffn_up.weight", 2, 256),
        ("blk.1.ffn_down.weight", 2, 32),
        ("blk.0.attn_k.weight", 1, 256),
    ];
    assert_eq!(shapes(file.tensors()), expected);
    assert_eq!(file.tensor("output_norm.weight").unwrap().view::<f32>().unwrap(), [1.0, 2.0, 3.0]);
    let q = file.tensor("blk.0.attn_q.weight").unwrap().view::<half::f16>().unwrap();
    assert_eq!((q.len(), q[5]), (6, f16::from_f32(3.0)));
    let down = file.tensor("blk.0.ffn_down.weight").unwrap().view::<BlockQ8_0>().unwrap();
    assert_eq!((down.len(), down[3].qs), (4, [127; 32]));
    let value = |key| file.metadata(key).unwrap().clone();
    let strings = file.strings("tokenizer.ggml.tokens").unwrap().unwrap();
    assert_eq!(
        (strings.len(), strings.get(0), strings.get(2), strings.get(3)),
        (3, Some(&b"<unk>"[..]), Some(&b"b"[..]), None)
    );
    assert_eq!(strings.iter().collect::<Vec<_>>(), [&b"<unk>"[..], b"a", b"b"]);
    let numbers = file.numbers("scores").unwrap().unwrap();
    assert_eq!((numbers.len(), numbers.get(0), numbers.get(1), numbers.get(2)), (2, Some(1.0), Some(2.0), None));
    assert_eq!(value("nested").to_string(), "an array of 1");
    assert!(file.strings("none").unwrap().is_none());
    says(file.strings("scores").unwrap_err(), &["\"scores\" should be an array of strings"]);
    says(file.numbers("nested").unwrap_err(), &["\"nested\" should be an array of numbers"]);
    says(file.numbers("u8").unwrap_err(), &["\"u8\" is 200, it should be an array of numbers"]);
    assert_eq!((value("u8"), value("i8")), (Value::U64(200), Value::I64(-1)));
    assert_eq!((value("u16"), value("i16")), (Value::U64(40_000), Value::I64(-2)));
    assert_eq!((value("llama.block_count").as_u64(), value("i32")), (Some(1), Value::I64(-3)));
    assert_eq!((value("u64"), value("i64")), (Value::U64(u64::MAX), Value::I64(i64::MIN)));
    assert_eq!((value("f32").as_f64(), value("f64").as_f64()), (Some(0.5), Some(0.1)));
    assert_eq!((value("bool"), file.metadata("none")), (Value::Bool(true), None));
}

#[test]
fn strings_of_a_long_array_are_found_by_number() {
    let texts: Vec<String> = (0..100).map(|i| "x".repeat(i % 7) + &i.to_string()).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let file = open(&Gguf::new(3).texts("k", &texts).finish().bytes);
    let strings = file.strings("k").unwrap().unwrap();
    assert!((0..100).all(|i| strings.get(i) == Some(texts[i].as_bytes())));
    assert!(strings.iter().eq(texts.iter().map(|t| t.as_bytes())));
}

#[test]
fn arrays_of_every_number_type_are_read() {
    let array = |kind: u32, item: &[u8]| [&kind.to_le_bytes()[..], &2_u64.to_le_bytes(), item, item].concat();
    for (kind, item, number) in [
        (0, &[200][..], 200.0),
        (1, &[0xff], -1.0),
        (2, &40_000_u16.to_le_bytes(), 40_000.0),
        (3, &(-2_i16).to_le_bytes(), -2.0),
        (4, &u32::MAX.to_le_bytes(), f64::from(u32::MAX)),
        (5, &i32::MIN.to_le_bytes(), f64::from(i32::MIN)),
        (6, &0.5_f32.to_le_bytes(), 0.5),
        (7, &[1], 1.0),
        (10, &(1_u64 << 40).to_le_bytes(), 2f64.powi(40)),
        (11, &i64::MIN.to_le_bytes(), -(2f64.powi(63))),
        (12, &0.1_f64.to_le_bytes(), 0.1),
    ] {
        let file = open(&Gguf::new(3).kv("k", 9, &array(kind, item)).finish().bytes);
        let numbers = file.numbers("k").unwrap().unwrap();
        assert_eq!([0, 1, 2].map(|i| numbers.get(i)), [Some(number), Some(number), None], "type {kind}");
    }
}

#[test]
fn gguf_version_2_alignment_and_shared_data() {
    let file = open(
        &Gguf::new(2)
            .alignment(64)
            .weights("a", &[1], &[1.0f32])
            .weights("b", &[1], &[2.0f32])
            .entry("c", &[1], 0, 64)
            .finish()
            .bytes,
    );
    assert_eq!(file.format().to_string(), "GGUF v2");
    assert!(file.tensors().iter().all(|t| t.offset() % 64 == 0));
    assert_eq!(file.tensor("b").unwrap().view::<f32>(), file.tensor("c").unwrap().view::<f32>());
    assert_eq!(open(&Gguf::new(3).finish().bytes).tensors(), []);
}

#[test]
fn gguf_counts_beyond_the_file_are_refused() {
    let file = synthetic::gguf();
    for &(at, width) in &file.fields {
        for value in [u64::MAX, u64::MAX / 2 + 1, u64::MAX / 8, 1 << 40, u64::from(u32::MAX)] {
            let mut bytes = file.bytes.clone();
            bytes[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
            if let Ok(layout) = Layout::parse(&bytes) {
                assert!((0..layout.tensors.len()).all(|i| in_bounds(&layout, &bytes, i)), "{value} at {at}");
            }
        }
    }
    let huge_array = [0_u32.to_le_bytes(), [0xff; 4], [0xff; 4]].concat();
    refuses(
        &Gguf::new(3).kv("k", 9, &huge_array).finish().bytes,
        &["metadata array", "needs 18446744073709551615 bytes"],
    );
    let mut bytes = Gguf::new(3).finish().bytes;
    bytes[8..16].fill(0xff);
    refuses(&bytes, &["tensor table at byte 16", "8 are left"]);
}

#[test]
fn gguf_rules() {
    let entry = |dims: &[u64], kind, offset| Gguf::new(3).entry("t", dims, kind, offset).finish().bytes;
    refuses(&entry(&[8], 0, 8), &["tensor \"t\" has offset 8, not a multiple of the alignment 32"]);
    refuses(&entry(&[8], 0, 32), &["tensor \"t\" (32 bytes at offset 32", "ends after the file's"]);
    refuses(&entry(&[8], 0, u64::MAX - 31), &["ends after"]);
    refuses(&entry(&[u64::MAX, 2], 0, 0), &["more than 2^64"]);
    refuses(&entry(&[1 << 62], 28, 0), &["ends after"]);
    refuses(&entry(&[1 << 32, 1 << 31, 2, 0], 0, 0), &["more than 2^64"]);
    refuses(&entry(&[8, 0], 0, 0), &["no weights"]);
    refuses(&entry(&[], 0, 0), &["0 dimensions"]);
    refuses(&entry(&[1; 5], 0, 0), &["5 dimensions"]);
    refuses(&entry(&[33, 2], 8, 0), &["rows of 33 weights, not a multiple of Q8_0's 32"]);
    refuses(&entry(&[1], 99, 0), &["(data at offset 0"]);
    refuses(&Gguf::new(3).entry(&"n".repeat(65), &[1], 0, 0).finish().bytes, &["tensor name has 65 bytes"]);
    refuses(
        &Gguf::new(3).weights("t", &[1], &[0.0f32]).weights("t", &[1], &[0.0f32]).finish().bytes,
        &["tensor \"t\" occurs twice"],
    );
    refuses(&Gguf::new(3).kv("k", 0, &[0]).kv("k", 0, &[0]).finish().bytes, &["key \"k\" occurs twice"]);
    refuses(&Gguf::new(3).kv("k", 13, &[0; 8]).finish().bytes, &["type 13 does not exist"]);
    refuses(&Gguf::new(3).kv("k", 7, &[2]).finish().bytes, &["a bool is 2"]);
    for alignment in [0, 1, 4, 24, 1 << 31] {
        let rule = format!("alignment is {alignment}, it must be a power of two");
        let file = Gguf::new(3).kv("general.alignment", 4, &u32::to_le_bytes(alignment)).finish();
        refuses(&file.bytes, &[&rule]);
    }
    refuses(&Gguf::new(3).text("general.alignment", "32").finish().bytes, &["alignment is \"32\""]);
    let mut nested = Vec::new();
    for _ in 0..100 {
        nested.extend([9_u32.to_le_bytes(), 1_u32.to_le_bytes(), [0; 4]].concat());
    }
    refuses(&Gguf::new(3).kv("k", 9, &nested).finish().bytes, &["nested more than 4 deep"]);
}
