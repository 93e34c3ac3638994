//! Whether a text is JSON, without making anything of it.

use nom::branch::alt;
use nom::bytes::complete::{tag, take_while, take_while_m_n, take_while1};
use nom::character::complete::{char, digit1, one_of};
use nom::combinator::{all_consuming, map_opt, opt, recognize, value as replace};
use nom::error::{ErrorKind, ParseError};
use nom::multi::many0_count;
use nom::sequence::{delimited, preceded, terminated};
use nom::{Err, Parser};

use crate::cursor::{Parsed, Remaining};

/// What a value is, as far as anyone here asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    String,
    Other,
}

/// How deep values may be nested before nobody looks any further.
const MAX_DEPTH: u8 = 64;

/// Whether the text is JSON. One that is nested too deep to tell is taken for it.
pub(super) fn is_json(text: &[u8]) -> bool {
    let whole = all_consuming(terminated(|text| value(text, MAX_DEPTH), space)).parse(text);
    !matches!(whole, Err(Err::Error(_)))
}

/// Whether the text is a JSON object, calling `member` with the text of each of its keys.
pub(super) fn is_object<'a>(text: &'a [u8], mut member: impl FnMut(&'a [u8], Kind)) -> bool {
    let object = |text| object(text, MAX_DEPTH, &mut member);
    let whole = all_consuming(delimited(space, object, space)).parse(text);
    !matches!(whole, Err(Err::Error(_)))
}

fn value(text: &[u8], depth: u8) -> Parsed<'_, Kind> {
    // A failure is no mismatch: there is no saying what comes.
    let Some(depth) = depth.checked_sub(1) else {
        return Err(Err::Failure(Remaining::from_error_kind(
            text,
            ErrorKind::TooLarge,
        )));
    };
    let object = |text| object(text, depth, &mut |_, _| {});
    let nested = alt((object, |text| array(text, depth)));
    let literal = alt((tag("null"), tag("true"), tag("false"), number));
    preceded(
        space,
        alt((
            replace(Kind::String, string),
            replace(Kind::Other, nested),
            replace(Kind::Other, literal),
        )),
    )
    .parse(text)
}

fn object<'a>(text: &'a [u8], depth: u8, member: &mut dyn FnMut(&'a [u8], Kind)) -> Parsed<'a, ()> {
    list(text, b"{}", |text| {
        let key = delimited(space, string, (space, char(':')));
        let (rest, (key, kind)) = (key, |text| value(text, depth)).parse(text)?;
        member(key, kind);
        Ok((rest, ()))
    })
}

fn array(text: &[u8], depth: u8) -> Parsed<'_, ()> {
    list(text, b"[]", |text| {
        let (rest, _) = value(text, depth)?;
        Ok((rest, ()))
    })
}

/// Elements between these two, with commas between them.
fn list<'a>(
    text: &'a [u8],
    &[open, close]: &[u8; 2],
    mut element: impl FnMut(&'a [u8]) -> Parsed<'a, ()>,
) -> Parsed<'a, ()> {
    let mark = |mark: u8| preceded(space, char(char::from(mark)));
    let (rest, _) = mark(open).parse(text)?;
    if let Ok((rest, _)) = mark(close).parse(rest) {
        return Ok((rest, ()));
    }
    let (mut rest, ()) = element(rest)?;
    while let Ok((next, _)) = mark(b',').parse(rest) {
        (rest, ()) = element(next)?;
    }
    let (rest, _) = mark(close).parse(rest)?;
    Ok((rest, ()))
}

fn string(text: &[u8]) -> Parsed<'_, &[u8]> {
    let plain = take_while1(|byte| byte >= b' ' && byte != b'"' && byte != b'\\');
    let code = preceded(
        char('u'),
        take_while_m_n(4, 4, |byte: u8| byte.is_ascii_hexdigit()),
    );
    let escape = preceded(char('\\'), alt((recognize(one_of("\"\\/bfnrt")), code)));
    let inside = recognize(many0_count(alt((plain, escape))));
    let inside = map_opt(inside, |inside: &[u8]| {
        core::str::from_utf8(inside).ok().map(str::as_bytes)
    });
    delimited(char('"'), inside, char('"')).parse(text)
}

fn number(text: &[u8]) -> Parsed<'_, &[u8]> {
    let whole = alt((tag("0"), digit1));
    let fraction = preceded(char('.'), digit1);
    let exponent = (one_of("eE"), opt(one_of("+-")), digit1);
    recognize((opt(char('-')), whole, opt(fraction), opt(exponent))).parse(text)
}

fn space(text: &[u8]) -> Parsed<'_, &[u8]> {
    take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).parse(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn as_serde_json_reads() {
        let texts = [
            "",
            " ",
            "null",
            "nul",
            "nulll",
            "true",
            " false ",
            "0",
            "-0",
            "01",
            "-",
            "1.",
            ".5",
            "1.5",
            "1e",
            "1e5",
            "1E+5",
            "1e-5",
            "\"\"",
            "\"a\"",
            "\"",
            "\"\\\"\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\u00e9\"",
            "\"é\"",
            "\"\n\"",
            "[]",
            "[ ]",
            "[1]",
            "[1,]",
            "[,1]",
            "[1 , 2]",
            "[1 2]",
            "[",
            "]",
            "[[[]]]",
            "{}",
            "{ }",
            "{\"a\":1}",
            "{\"a\" : 1 }",
            "{\"a\":1,}",
            "{\"a\"}",
            "{a:1}",
            "{\"a\":1,\"b\":[{}]}",
            "{\"a\":1 \"b\":2}",
            "{} {}",
            "{\"a\":{\"b\":{\"c\":null}}}",
            "\u{feff}{}",
            "'a'",
            "+1",
            "1 2",
            "{1:2}",
        ];
        for text in texts {
            let expected = serde_json::from_str::<serde_json::Value>(text);
            assert_eq!(is_json(text.as_bytes()), expected.is_ok(), "{text}");
            let is_map = expected.is_ok_and(|value| value.is_object());
            assert_eq!(is_object(text.as_bytes(), |_, _| {}), is_map, "{text}");
        }
        assert!(!is_json(b"\"\xff\""));
    }

    #[test]
    fn members() {
        let mut members = Vec::new();
        let text = br#" {"a": "b", "c" : {"d": "e"}, "": null} "#;
        assert!(is_object(text, |key, kind| members.push((key, kind))));
        let expected: [(&[u8], _); 3] = [
            (b"a", Kind::String),
            (b"c", Kind::Other),
            (b"", Kind::Other),
        ];
        assert_eq!(members, expected);
    }

    #[test]
    fn nested_without_end() {
        for depth in [63, 64, 65, 1000, 100_000] {
            let whole = ["[".repeat(depth), "]".repeat(depth)].concat();
            assert!(is_json(whole.as_bytes()), "{depth}");
            let cut_off = "[".repeat(depth);
            assert_eq!(is_json(cut_off.as_bytes()), depth >= 64, "{depth}");
        }
    }
}
