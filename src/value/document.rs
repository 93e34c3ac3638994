//! Values: how to take off their layers, in the order in which they are on.

use super::{SnappyValue, ValueError, Xattrs};
use crate::{Datatype, UserData};

/// A value, with the layers that its datatype says are on it (reference 3).
///
/// The outermost is Snappy. Extended attributes are beneath it, and so this type has them only
/// behind [`Plain`](Self::Plain):
///
/// ```
/// use mcbp::Datatype;
/// use mcbp::value::Value;
///
/// let datatype = Datatype::XATTR | Datatype::JSON;
/// let bytes = b"\0\0\0\x0b\0\0\0\x07meta\x007\0{}";
/// match Value::of(datatype, bytes.into()) {
///     Value::Plain(plain) => {
///         let document = plain.split()?;
///         assert_eq!(document.xattrs.get(b"meta"), Some(b"7".into()));
///         assert_eq!(document.body.expose(), b"{}");
///     }
///     // With the feature `snappy`: `snappy.inflate(limit, &mut buffer)?.split()?`
///     Value::Snappy(snappy) => println!("{} bytes inside", snappy.announced_len()?),
///     Value::Underlying { .. } => unreachable!("the datatype is that of the value"),
/// }
/// # Ok::<(), mcbp::value::ValueError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Value<'a> {
    /// One Snappy block, which has to be inflated first.
    Snappy(SnappyValue<'a>),
    /// Not compressed, or not any more.
    Plain(PlainValue<'a>),
    /// Not what the datatype says: that describes the document as it is stored.
    Underlying {
        /// How the stored document is encoded.
        datatype: Datatype,
        /// What was sent of it, mostly nothing; never to be read by the datatype.
        bytes: UserData<'a>,
    },
}

impl<'a> Value<'a> {
    /// A value that is what its datatype says.
    pub const fn of(datatype: Datatype, bytes: UserData<'a>) -> Self {
        if datatype.contains(Datatype::SNAPPY) {
            Self::Snappy(SnappyValue::new(datatype, bytes))
        } else {
            Self::Plain(PlainValue::new(datatype, bytes))
        }
    }

    /// A value on a connection that was opened with [`NO_VALUE_WITH_UNDERLYING_DATATYPE`][flag]: it
    /// is shortened or missing, and the datatype says nothing about what is left.
    ///
    /// [flag]: crate::OpenFlags::NO_VALUE_WITH_UNDERLYING_DATATYPE
    pub const fn underlying(datatype: Datatype, bytes: UserData<'a>) -> Self {
        Self::Underlying { datatype, bytes }
    }
}

/// A value that is not compressed, or not any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PlainValue<'a> {
    datatype: Datatype,
    bytes: UserData<'a>,
}

impl<'a> PlainValue<'a> {
    /// Without the bit [`Datatype::SNAPPY`], as the layer is off.
    pub(super) const fn new(datatype: Datatype, bytes: UserData<'a>) -> Self {
        Self {
            datatype: datatype.difference(Datatype::SNAPPY),
            bytes,
        }
    }

    /// What is still on the value; never [`Datatype::SNAPPY`].
    pub const fn datatype(self) -> Datatype {
        self.datatype
    }

    /// Extended attributes, if any, and body.
    pub const fn bytes(self) -> UserData<'a> {
        self.bytes
    }

    /// Takes the extended attributes off the body.
    ///
    /// # Errors
    ///
    /// Those of [`Xattrs::split`], if the datatype says that there are any.
    pub fn split(self) -> Result<Document<'a>, ValueError> {
        let (xattrs, body) = if self.datatype.contains(Datatype::XATTR) {
            Xattrs::split(self.bytes)?
        } else {
            (Xattrs::default(), self.bytes)
        };
        Ok(Document {
            xattrs,
            body,
            is_json: self.datatype.contains(Datatype::JSON),
        })
    }
}

/// A value without any layers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Document<'a> {
    /// Its extended attributes; empty also if the datatype says that there are none.
    pub xattrs: Xattrs<'a>,
    /// The body of the document.
    pub body: UserData<'a>,
    /// Whether the datatype says that the body is JSON.
    pub is_json: bool,
}
