//! Models split over several files: what fits together is one model, and what does not says which part is wrong.

use super::*;

fn part(no: u16, count: u16, promised: Option<i32>, name: &str) -> Vec<u8> {
    let mut file = Gguf::new(3).kv("split.no", 2, &no.to_le_bytes()).kv("split.count", 2, &count.to_le_bytes());
    if let Some(promised) = promised {
        file = file.text("general.architecture", "llama").kv("split.tensors.count", 5, &promised.to_le_bytes());
    }
    file.weights(name, &[2], &[f32::from(no), 1.0]).finish().bytes
}

/// Three parts on disk; a change takes the place of its own.
fn open_split(name: &str, open: usize, change: impl Fn(usize) -> Option<Vec<u8>>) -> Result<ModelFile, ModelError> {
    let dir = tempfile::tempdir().unwrap();
    let path = |no: usize| dir.path().join(format!("{name}-0000{}-of-00003.gguf", no + 1));
    for no in 0..3 {
        let promised = (no == 0).then_some(3);
        let bytes = change(no).unwrap_or_else(|| part(no as u16, 3, promised, &format!("t{no}")));
        if !bytes.is_empty() {
            fs::write(path(no), bytes).unwrap();
        }
    }
    ModelFile::open(&path(open))
}

#[test]
fn parts_are_one_model() {
    let file = Arc::new(open_split("m", 0, |_| None).unwrap());
    for no in 0..3 {
        let name = format!("t{no}");
        assert_eq!(file.tensor(&name).unwrap().view::<f32>().unwrap(), [no as f32, 1.0]);
        assert_eq!(file.mapped(&name).unwrap().view::<f32>().unwrap()[0], no as f32);
    }
    assert_eq!((file.tensors().len(), file.metadata("general.architecture").unwrap().as_str()), (3, Some("llama")));
    let one = part(0, 3, Some(3), "t0").len() as u64;
    assert!(file.byte_len() > 2 * one, "{} bytes, {one} of the first", file.byte_len());
}

#[test]
fn parts_that_do_not_fit_are_refused() {
    let only = |no: usize, bytes: Vec<u8>| move |at: usize| (at == no).then(|| bytes.clone());
    let says = |result: Result<ModelFile, ModelError>, parts: &[&str]| says(result.unwrap_err(), parts);
    says(open_split("m", 0, only(2, vec![])), &["3 of its 3 parts is missing", "m-00003-of-00003.gguf"]);
    says(open_split("m", 1, |_| None), &["part 2 of 3: name the first", "m-00001-of-00003.gguf"]);
    says(
        open_split("m", 0, only(1, part(2, 3, None, "t1"))),
        &["m-00002-of-00003", "split.no is 2", "should be 1 and 3"],
    );
    says(open_split("m", 0, only(1, Gguf::new(3).finish().bytes)), &["split.no is nothing"]);
    says(open_split("m", 0, only(1, part(1, 3, None, "t0"))), &["tensor \"t0\" is in two of its parts"]);
    says(open_split("m", 0, only(0, part(0, 3, Some(4), "t0"))), &["split.tensors.count is 4, but its parts hold 3"]);
    says(open_split("m", 0, only(0, part(0, 9, Some(3), "t0"))), &["must end in \"-00001-of-00009.gguf\""]);
    says(open_split("m", 0, only(0, part(0, u16::MAX, Some(3), "t0"))), &["must end in"]);
    says(open_split("m", 0, only(2, b"GGUF".to_vec())), &["m-00003-of-00003.gguf", "cut short"]);
}
