//! The SASL mechanism `PLAIN`.

use bytes::BufMut;

use crate::{EncodeError, UserData};

/// What a client that authenticates by `PLAIN` says: the data of a
/// [`SaslAuth`](crate::kv::SaslAuth).
///
/// ```text
/// authzid NUL user NUL password
/// ```
///
/// The password is not hidden from the network (RFC 4616).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Plain<'a> {
    authzid: UserData<'a>,
    user: UserData<'a>,
    password: UserData<'a>,
}

impl<'a> Plain<'a> {
    /// These credentials; `None` if there is a NUL in one of them.
    pub fn new(authzid: UserData<'a>, user: UserData<'a>, password: UserData<'a>) -> Option<Self> {
        let plain = Self {
            authzid,
            user,
            password,
        };
        let sound = plain.fields().iter().all(|field| !field.contains(&NUL));
        sound.then_some(plain)
    }

    /// The credentials in this data; `None` unless there are exactly two NULs in it.
    pub fn read(data: UserData<'a>) -> Option<Self> {
        let mut fields = data.expose().split(|&byte| byte == NUL).map(UserData::new);
        let plain = Self {
            authzid: fields.next()?,
            user: fields.next()?,
            password: fields.next()?,
        };
        fields.next().is_none().then_some(plain)
    }

    /// Whom to act as; empty for the user.
    pub const fn authzid(self) -> UserData<'a> {
        self.authzid
    }

    /// Who authenticates.
    pub const fn user(self) -> UserData<'a> {
        self.user
    }

    /// The password of the user.
    pub const fn password(self) -> UserData<'a> {
        self.password
    }

    /// Bytes that [`encode`](Self::encode) appends.
    pub const fn encoded_len(self) -> usize {
        const NULS: usize = 2;
        NULS.saturating_add(self.authzid.len())
            .saturating_add(self.user.len())
            .saturating_add(self.password.len())
    }

    /// Appends the data to `dst`.
    ///
    /// # Errors
    ///
    /// [`EncodeError::NoRoom`] if `dst` cannot take all of it; then nothing was written.
    pub fn encode(self, dst: &mut impl BufMut) -> Result<(), EncodeError> {
        if dst.remaining_mut() < self.encoded_len() {
            return Err(EncodeError::NoRoom);
        }
        let [authzid, user, password] = self.fields();
        dst.put_slice(authzid);
        dst.put_u8(NUL);
        dst.put_slice(user);
        dst.put_u8(NUL);
        dst.put_slice(password);
        Ok(())
    }

    fn fields(&self) -> [&'a [u8]; 3] {
        [self.authzid, self.user, self.password].map(UserData::expose)
    }
}

const NUL: u8 = 0;

#[cfg(feature = "arbitrary")]
impl<'a> arbitrary::Arbitrary<'a> for Plain<'a> {
    fn arbitrary(u: &mut arbitrary::Unstructured<'a>) -> arbitrary::Result<Self> {
        Self::new(u.arbitrary()?, u.arbitrary()?, u.arbitrary()?)
            .ok_or(arbitrary::Error::IncorrectFormat)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{format, vec::Vec};

    fn plain<'a>(authzid: &'a str, user: &'a str, password: &'a str) -> Option<Plain<'a>> {
        Plain::new(authzid.into(), user.into(), password.into())
    }

    #[test]
    fn in_both_directions() {
        for (authzid, user, password, data) in [
            ("", "user", "pencil", "\0user\0pencil"),
            ("other", "user", "", "other\0user\0"),
            ("", "", "", "\0\0"),
        ] {
            let plain = plain(authzid, user, password).expect("no NUL in it");
            let mut written = Vec::new();
            plain.encode(&mut written).expect("room");
            assert_eq!(written, data.as_bytes());
            assert_eq!(written.len(), plain.encoded_len());
            assert_eq!(Plain::read(data.into()), Some(plain));
        }
    }

    #[test]
    fn a_nul_is_no_character() {
        assert_eq!(plain("\0", "user", "pencil"), None);
        assert_eq!(plain("", "us\0er", "pencil"), None);
        assert_eq!(plain("", "user", "pencil\0"), None);
        for data in ["", "user", "\0user", "\0user\0pencil\0", "\0\0\0"] {
            assert_eq!(Plain::read(data.into()), None, "{data:?}");
        }
    }

    #[test]
    fn all_or_nothing() {
        let plain = plain("", "user", "pencil").expect("no NUL in it");
        for len in 0..12 {
            let mut room = [0xa5; 12];
            assert_eq!(
                plain.encode(&mut &mut room[..len]),
                Err(EncodeError::NoRoom)
            );
            assert_eq!(room, [0xa5; 12], "{len}");
        }
        let mut room = [0xa5; 12];
        plain.encode(&mut room.as_mut_slice()).expect("room");
        assert_eq!(&room, b"\0user\0pencil");
    }

    #[test]
    fn debug_shows_no_secrets() {
        let plain = plain("", "user", "pencil").expect("no NUL in it");
        assert_eq!(
            format!("{plain:?}"),
            "Plain { authzid: <ud>0 bytes</ud>, user: <ud>4 bytes</ud>, \
             password: <ud>6 bytes</ud> }"
        );
    }
}
