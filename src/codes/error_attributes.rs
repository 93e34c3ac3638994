//! What the server's error map says of a status.

bitflags::bitflags! {
    /// What the error map, the response to `GET_ERROR_MAP`, says of a status (reference 8.6).
    ///
    /// These are no bits on the wire: the map names them in lower case with hyphens, as
    /// [`from_text`](Self::from_text) reads them. A client has to ignore attributes that it does
    /// not know.
    #[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash)]
    #[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
    pub struct ErrorAttributes: u32 {
        /// The operation succeeded for practical purposes.
        const SUCCESS = 1 << 0;
        /// The status concerns the item only; another state of it may help.
        const ITEM_ONLY = 1 << 1;
        /// The request is wrong; do not repeat it.
        const INVALID_INPUT = 1 << 2;
        /// The cluster map is out of date; fetch a new one.
        const FETCH_CONFIG = 1 << 3;
        /// The connection is unusable; open another.
        const CONN_STATE_INVALIDATED = 1 << 4;
        /// Authentication or authorisation; the connection is fine unless
        /// [`CONN_STATE_INVALIDATED`](Self::CONN_STATE_INVALIDATED) is there too.
        const AUTH = 1 << 5;
        /// The status needs handling of its own; a client that has none must drop the connection.
        const SPECIAL_HANDLING = 1 << 6;
        /// The server, the bucket or the user does not support it.
        const SUPPORT = 1 << 7;
        /// The condition passes; says nothing about repeating the request.
        const TEMP = 1 << 8;
        /// The server has a bug or an internal failure.
        const INTERNAL = 1 << 9;
        /// The request may be repeated at once.
        const RETRY_NOW = 1 << 10;
        /// The request may be repeated after a while.
        const RETRY_LATER = 1 << 11;
        /// The request must not be repeated; only in version 2 of the map.
        const NO_RETRY = 1 << 12;
        /// The item is locked.
        const ITEM_LOCKED = 1 << 13;
        /// The operation was on a deleted item.
        const ITEM_DELETED = 1 << 14;
        /// The status is one of subdocument operations.
        const SUBDOC = 1 << 15;
        /// The status is one of DCP.
        const DCP = 1 << 16;
        /// A rate limit is reached; only in version 2 of the map.
        const RATE_LIMIT = 1 << 17;
        /// A limit of the system is reached; only in version 2 of the map.
        const SYSTEM_CONSTRAINT = 1 << 18;
    }
}

impl ErrorAttributes {
    /// The attributes after which the connection must not be used: `conn-state-invalidated`, and
    /// `special-handling` for a status that nothing here handles.
    pub const DROPS_CONNECTION: Self = Self::CONN_STATE_INVALIDATED.union(Self::SPECIAL_HANDLING);

    /// The attribute of this name, such as `conn-state-invalidated`, if it is known.
    pub fn from_text(name: &str) -> Option<Self> {
        let hyphenated = |byte| match byte {
            b'_' => b'-',
            _ => byte.to_ascii_lowercase(),
        };
        Self::all()
            .iter_names()
            .find(|(own, _)| own.bytes().map(hyphenated).eq(name.bytes()))
            .map(|(_, attribute)| attribute)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_attributes_of_reference_8_6() {
        let names = [
            "success",
            "item-only",
            "invalid-input",
            "fetch-config",
            "conn-state-invalidated",
            "auth",
            "special-handling",
            "support",
            "temp",
            "internal",
            "retry-now",
            "retry-later",
            "no-retry",
            "item-locked",
            "item-deleted",
            "subdoc",
            "dcp",
            "rate-limit",
            "system-constraint",
        ];
        for (bit, name) in names.into_iter().enumerate() {
            let attribute = ErrorAttributes::from_text(name);
            assert_eq!(attribute, ErrorAttributes::from_bits(1 << bit), "{name}");
        }
        assert_eq!(ErrorAttributes::all().iter_names().count(), names.len());
    }

    #[test]
    fn unknown_attributes_are_ignored() {
        for name in ["", "retry", "ITEM_ONLY", "item_only", "item-only "] {
            assert_eq!(ErrorAttributes::from_text(name), None, "{name}");
        }
    }
}
