//! `STAT`: statistics.

use core::fmt;

use crate::Presence::Optional;
use crate::{
    Body, Command, Lengths, Message, MessageError, Metadata, Opcode, Parts, Reply, Shape, Status,
    UserData,
};

/// Asks for statistics.
///
/// The key is the group, the value its arguments; no extras. From the client to the server, which
/// answers with one [`StatReply`] for each statistic, and then a last one (reference 4.3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Stat<'a> {
    /// Which statistics; nothing for the most common.
    pub group: StatGroup<'a>,
    /// Nothing, or JSON that narrows them down; the datatype must say which.
    pub value: Metadata<'a>,
}

impl<'a> Message<'a> for Stat<'a> {
    const COMMAND: Command = Command::Client(Opcode::STAT);
    const SHAPE: Shape = Shape::extras(Lengths::NONE).key(Optional).value(Optional);

    #[inline]
    fn read(body: Body<'a>) -> Result<Self, MessageError> {
        Ok(Self {
            group: StatGroup(body.key),
            value: Metadata(body.value),
        })
    }

    #[inline]
    fn parts(&self) -> Parts<'_> {
        Parts::EMPTY.key(self.group.0).value(self.value.0)
    }
}

/// A group of statistics, and behind a space whom or what it is asked about.
///
/// That may be the key of a document, so it does not print itself.
///
/// ```
/// use mcbp::kv::StatGroup;
///
/// let group = StatGroup::from("vkey user::1001 12");
/// assert_eq!(format!("{group:?}"), r#""vkey" <ud>13 bytes</ud>"#);
/// assert_eq!(group.argument().expect("a key").expose(), b"user::1001 12");
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct StatGroup<'a>(pub &'a [u8]);

impl<'a> StatGroup<'a> {
    /// The name of the group.
    pub fn name(self) -> Metadata<'a> {
        Metadata(self.split().next().unwrap_or_default())
    }

    /// What follows the name and a space.
    pub fn argument(self) -> Option<UserData<'a>> {
        self.split().nth(1).map(UserData::new)
    }

    fn split(self) -> impl Iterator<Item = &'a [u8]> {
        self.0.splitn(2, |&byte| byte == b' ')
    }
}

impl<'a> From<&'a str> for StatGroup<'a> {
    fn from(text: &'a str) -> Self {
        Self(text.as_bytes())
    }
}

impl fmt::Debug for StatGroup<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.name())?;
        match self.argument() {
            Some(argument) => write!(f, " {argument}"),
            None => Ok(()),
        }
    }
}

/// One of the answers to [`Stat`]; all of them carry the opaque of the request.
///
/// | status    | key      | value                               |
/// |-----------|----------|-------------------------------------|
/// | `SUCCESS` | its name | the statistic                       |
/// | `SUCCESS` | empty    | empty: that was all                 |
/// | any other | empty    | empty or the error's JSON           |
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct StatReply<'a> {
    /// The name of the statistic.
    pub key: Metadata<'a>,
    /// The statistic, or what the server says of an error.
    pub value: Metadata<'a>,
}

impl StatReply<'_> {
    /// Whether this is the empty one that ends the statistics. An error ends them too, whatever it
    /// holds.
    pub const fn is_last(&self) -> bool {
        self.key.is_empty() && self.value.is_empty()
    }
}

impl<'a> Reply<'a> for StatReply<'a> {
    const COMMAND: Command = Command::Client(Opcode::STAT);
    const SHAPE: Shape = Shape::extras(Lengths::NONE).key(Optional).value(Optional);

    #[inline]
    fn read(_: Status, body: Body<'a>) -> Result<Self, MessageError> {
        Ok(Self {
            key: Metadata(body.key),
            value: Metadata(body.value),
        })
    }

    #[inline]
    fn parts(&self) -> Parts<'_> {
        Parts::EMPTY.key(self.key.0).value(self.value.0)
    }
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;
    use crate::layout::{assert_layout, assert_reply_layout};

    #[test]
    fn layout() {
        assert_layout(Stat {
            group: "group argument".into(),
            value: "value".into(),
        });
    }

    #[test]
    fn reply_layout() {
        let reply = StatReply {
            key: "key".into(),
            value: "value".into(),
        };
        assert_reply_layout(Status::SUCCESS, reply);
        assert_reply_layout(Status::EINVAL, reply);
    }

    #[test]
    fn the_last_one_is_empty() {
        for (key, value, last) in [("", "", true), ("key", "", false), ("", "{}", false)] {
            let reply = StatReply {
                key: key.into(),
                value: value.into(),
            };
            assert_eq!(reply.is_last(), last, "{reply:?}");
        }
    }

    #[test]
    fn arguments() {
        for (group, name, argument, shown) in [
            ("", "", None, "\"\""),
            ("dcp", "dcp", None, "\"dcp\""),
            ("key ", "key", Some(""), "\"key\" <ud>0 bytes</ud>"),
            ("key a b", "key", Some("a b"), "\"key\" <ud>3 bytes</ud>"),
            (" key", "", Some("key"), "\"\" <ud>3 bytes</ud>"),
        ] {
            let group = StatGroup::from(group);
            assert_eq!(format!("{group:?}"), shown);
            assert_eq!(group.name(), name.into());
            assert_eq!(group.argument(), argument.map(UserData::from));
        }
    }
}
