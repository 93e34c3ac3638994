//! Who a consumer is: the value of `DCP_OPEN`.

use alloc::string::String;
use core::fmt;

use super::text::JsonString;

/// Who a server is to be as a consumer.
///
/// Displays as the JSON that [`Open::value`](crate::dcp::Open::value) holds. It goes out with
/// exactly [`Datatype::JSON`](crate::Datatype::JSON), which has to be negotiated, and only without
/// [`OpenFlags::PRODUCER`](crate::OpenFlags::PRODUCER).
///
/// ```
/// use mcbp::value::OpenValue;
///
/// let consumer_name = Some("n_1".into());
/// assert_eq!(OpenValue { consumer_name }.to_string(), r#"{"consumer_name":"n_1"}"#);
/// ```
///
/// With the feature `json`, `from_json` reads it. See reference 6.1.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct OpenValue {
    /// The name under which the consumer takes part in durable writes: it passes it on by the
    /// controls `enable_sync_writes` and `consumer_name`.
    pub consumer_name: Option<String>,
}

impl fmt::Display for OpenValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.consumer_name {
            Some(name) => write!(f, "{{\"consumer_name\":{}}}", JsonString(name)),
            None => f.write_str("{}"),
        }
    }
}

#[cfg(feature = "json")]
mod json {
    use serde::Deserialize;

    use super::*;
    use crate::value::json::{object, present};
    use crate::value::{ValueError, ValueFormat};

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Json {
        #[serde(default, deserialize_with = "present")]
        consumer_name: Option<String>,
    }

    impl OpenValue {
        /// Reads the value of an open request; like the server, takes no key but `consumer_name`.
        ///
        /// # Errors
        ///
        /// [`ValueErrorKind::NotJson`](crate::ValueErrorKind::NotJson),
        /// [`Truncated`](crate::ValueErrorKind::Truncated) or
        /// [`WrongType`](crate::ValueErrorKind::WrongType) where the JSON is wrong.
        pub fn from_json(value: &[u8]) -> Result<Self, ValueError> {
            let Json { consumer_name } = object(ValueFormat::OpenValue, value)?;
            Ok(Self { consumer_name })
        }
    }
}
