//! The language, and the 6510's table against itself.

use super::*;

fn bytes(source: &str) -> Vec<u8> {
    let assembled = assemble("test.asm", source, encoder("mos6510").expect("an encoder"));
    assembled.expect("a source without errors").segments.into_iter().flat_map(|s| s.bytes).collect()
}

fn error(source: &str) -> String {
    assemble("test.asm", source, encoder("mos6510").expect("an encoder")).expect_err("an error").to_string()
}

#[test]
fn every_mode_has_its_opcode() {
    let cases: [(&str, &[u8]); 24] = [
        ("lda #$12", &[0xa9, 0x12]),
        ("lda #-1", &[0xa9, 0xff]),
        ("lda $12", &[0xa5, 0x12]),
        ("lda $12,x", &[0xb5, 0x12]),
        ("lda $12,y", &[0xb9, 0x12, 0x00]),
        ("ldx $12,y", &[0xb6, 0x12]),
        ("lda $1234", &[0xad, 0x34, 0x12]),
        ("lda $1234,x", &[0xbd, 0x34, 0x12]),
        ("lda $1234,y", &[0xb9, 0x34, 0x12]),
        ("lda ($12,x)", &[0xa1, 0x12]),
        ("lda ($12),y", &[0xb1, 0x12]),
        ("lda ($12+1)*2,x", &[0xb5, 0x26]),
        ("jmp ($1234)", &[0x6c, 0x34, 0x12]),
        ("jmp $1234", &[0x4c, 0x34, 0x12]),
        ("jsr $12", &[0x20, 0x12, 0x00]),
        ("asl", &[0x0a]),
        ("asl a", &[0x0a]),
        ("ASL A", &[0x0a]),
        ("asl $12", &[0x06, 0x12]),
        ("inc $1234,x", &[0xfe, 0x34, 0x12]),
        ("stx $12,y", &[0x96, 0x12]),
        ("bit $1234", &[0x2c, 0x34, 0x12]),
        ("bne *", &[0xd0, 0xfe]),
        ("brk", &[0x00]),
    ];
    for (source, expected) in cases {
        assert_eq!(bytes(&format!(" {source}")), expected, "{source}");
    }
}

#[test]
fn every_documented_opcode_is_there_once() {
    let mut seen = std::collections::BTreeSet::new();
    let operands =
        ["", "#1", "$12", "$12,x", "$12,y", "$1234", "$1234,x", "$1234,y", "($12,x)", "($12),y", "($1234)", "*"];
    for word in 0..26_usize.pow(3) {
        let letter = |n: usize| char::from(b'a' + (n % 26) as u8);
        let mnemonic: String = [word / 676, word / 26, word].map(letter).iter().collect();
        for operand in operands {
            let source = format!(" {mnemonic} {operand}");
            if let Ok(assembled) = assemble("test.asm", &source, encoder("mos6510").expect("an encoder"))
                && let Some(segment) = assembled.segments.first()
            {
                seen.insert(segment.bytes[0]);
            }
        }
    }
    assert_eq!(seen.len(), 151, "{seen:02x?}");
}

#[test]
fn forward_references_keep_their_size() {
    // The label lies in the zero page, and the instruction before it was sized without knowing.
    assert_eq!(bytes(" lda later\nlater: rts"), [0xad, 0x03, 0x00, 0x60]);
    assert_eq!(bytes("later = 3\n lda later"), [0xa5, 0x03]);
    assert_eq!(bytes(" lda #<later\n lda #>later\n org $1234\nlater rts"), [0xa9, 0x34, 0xa9, 0x12, 0x60]);
}

#[test]
fn expressions_bind_as_in_c() {
    let long = |n: i64| (n as u32).to_le_bytes().to_vec();
    for (source, expected) in [
        ("1+2*3", 7),
        ("(1+2)*3", 9),
        ("1<<4|3", 19),
        ("7%4", 3),
        ("%101 % %11", 2),
        ("-7/2", -4),
        ("10-4-3", 3),
        ("~0 & $ff", 255),
        ("2 < 3 && 3 >= 3", 1),
        ("!5 || 0", 0),
        ("'a'+1", 98),
        ("0x10 ^ 1", 17),
        ("<$1234+1", 0x35),
        (">$1234+$cc", 0x13),
        ("[1+1]*2", 4),
    ] {
        assert_eq!(bytes(&format!(" long {source}")), long(expected), "{source}");
    }
}

#[test]
fn repetitions_macros_and_conditions() {
    assert_eq!(bytes(" rept 4, i\n byte i*i/4\n endr"), [0, 0, 1, 2]);
    assert_eq!(bytes(" rept 2, i\n rept 2, j\n byte i*16+j\n endr\n endr"), [0, 1, 16, 17]);
    assert_eq!(bytes(" rept 2, i\na{i}: byte {i+1}\n endr\n byte a1"), [1, 2, 1]);
    let add = " macro add to, by\n clc\n lda {to}\n adc {by}\n sta {to}\n endm\n add $10, #2\n add $11,$12";
    assert_eq!(bytes(add), [0x18, 0xa5, 0x10, 0x69, 2, 0x85, 0x10, 0x18, 0xa5, 0x11, 0x65, 0x12, 0x85, 0x11]);
    let skip = " macro skip\n bne .over\n inx\n.over\n endm\nstart skip\n skip";
    assert_eq!(bytes(skip), [0xd0, 1, 0xe8, 0xd0, 1, 0xe8]);
    assert_eq!(
        bytes("n = 3\n if n > 2\n byte 1\n if n > 3\n byte 2\n else\n byte 3\n endif\n else\n byte 4\n endif"),
        [1, 3]
    );
}

#[test]
fn local_labels_belong_to_the_label_above() {
    let source = "one:\n.loop dex\n bne .loop\ntwo:\n.loop dey\n bne .loop\n rept 2\n.loop inx\n bne .loop\n endr";
    assert_eq!(bytes(source), [0xca, 0xd0, 0xfd, 0x88, 0xd0, 0xfd, 0xe8, 0xd0, 0xfd, 0xe8, 0xd0, 0xfd]);
}

#[test]
fn places_and_data() {
    let source =
        " org $10\n byte 1, \"ab;\", 'c' ; with a comment\n word $1234\n align 8\nhere fill 2, 9\n reserve 4\n long 1";
    let assembled = assemble("test.asm", source, encoder("mos6510").expect("an encoder")).expect("no errors");
    let at = |address, bytes: &[u8]| Segment { address, bytes: bytes.to_vec() };
    let expected = [at(0x10, &[1, b'a', b'b', b';', b'c', 0x34, 0x12]), at(0x18, &[9, 9]), at(0x1e, &[1, 0, 0, 0])];
    assert_eq!(assembled.segments, expected);
    assert_eq!(assembled.symbols["here"], 0x18);
}

#[test]
fn errors_say_where_and_what() {
    for (source, expected) in [
        (" nop\n lad #1", "test.asm:2: no instruction, directive or macro is called 'lad'"),
        (" lda #256", "test.asm:1: 256 is not within -128..=255"),
        (" lda missing", "test.asm:1: no symbol is called 'missing'"),
        ("a = 3", "test.asm:1: 'a' is a word of the processor: choose another name"),
        ("one nop\none nop", "test.asm:2: 'one' is defined twice"),
        (" stx $1234,y", "test.asm:1: 4660 is not within 0..=255"),
        (" inx 3", "test.asm:1: 'inx' has no such addressing mode"),
        (" inx a", "test.asm:1: 'inx' has no such addressing mode"),
        (" bne $200", "test.asm:1: a branch over 510 bytes, -128 to 127 reach"),
        (" rept 3\n nop", "test.asm:1: 'rept' without its 'endr'"),
        (" endr", "test.asm:1: 'endr' without its beginning"),
        (" lda #(1", "test.asm:1: '(' without its ')'"),
        (" lda #1+", "test.asm:1: an expression ends where a value is wanted"),
        (" byte \"abc", "test.asm:1: a string without its closing quote"),
        (" byte $xy", "test.asm:1: '$xy' is no number of base 16"),
        (" byte 1/0", "test.asm:1: a division by zero"),
        (" samepage $10ff, $1100", "test.asm:1: $10ff and $1100 lie in different pages"),
        (" assert 1 == 2, \"never\"", "test.asm:1: the assertion does not hold: never"),
        (" org 5\n nop\n org 5\n nop", "test.asm:4: bytes up to $0006 overlap those from $0005 on"),
        (" macro m\n m\n endm\n m", "test.asm:4: macros call each other more than 64 deep"),
        (
            " macro m p\n lda #{p}\n endm\n nop\n m 300",
            "test.asm:5: 300 is not within -128..=255 (line 2, in the macro 'm')",
        ),
        (" macro m p\n nop\n endm\n m", "test.asm:4: the macro 'm' takes 1 arguments, 0 given"),
        (" org later\nlater nop", "test.asm:1: a value that is known only further down"),
        (" @", "test.asm:1: '@' means nothing here"),
        (" jmp ($12ff)", "test.asm:1: jmp (address) at the end of a page reads its upper byte from the page's start"),
        (" byte ü", "test.asm:1: 'ü' means nothing here"),
        (" byte 'ü'", "test.asm:1: a character stands between two quotes: 'c'"),
    ] {
        let said = error(source);
        assert!(said.starts_with(expected), "{source:?}: {said}");
    }
}

#[test]
fn arguments_are_the_callers_even_where_they_are_called_like_parameters() {
    let program = " macro both low, high\n byte {low}, low, {high}\n endm\n macro outer low\n both low, 3\n endm\n";
    assert_eq!(bytes(&format!("{program}low = 1\nhigh = 2\n both low, high\n outer low")), [1, 1, 2, 1, 1, 3]);
}

#[test]
fn included_files_stand_where_they_are_named() {
    let read = |name: &str| match name {
        "one.inc" => {
            Ok(Source { file: "dir/one.inc".into(), text: " byte 2\n include \"two.inc\" ; as well\n byte 4".into() })
        }
        "two.inc" => Ok(Source { file: "dir/two.inc".into(), text: " byte 3\n byte wrong".into() }),
        "self.inc" => Ok(Source { file: "dir/self.inc".into(), text: " include \"self.inc\"".into() }),
        other => Err(format!("no file '{other}'")),
    };
    let assemble = |source: &str| assemble_with("test.asm", source, encoder("mos6510").expect("an encoder"), &read);
    let whole = assemble("wrong = 9\n byte 1\n include \"one.inc\"\n byte 5").expect("no errors");
    assert_eq!(whole.segments[0].bytes, [1, 2, 3, 9, 4, 5]);
    let error = |source: &str| assemble(source).expect_err("an error").to_string();
    assert_eq!(error("\n include \"one.inc\""), "dir/two.inc:2: no symbol is called 'wrong'");
    assert_eq!(error("\n include \"none.inc\""), "test.asm:2: no file 'none.inc'");
    assert_eq!(error(" include \"self.inc\""), "dir/self.inc:1: more than 64 files include each other");
}
