//! What the server asks: the requests and responses with the magics 0x82 and 0x83.

mod active_external_users;
mod authenticate;
mod clustermap_change_notification;
mod get_authorization;
mod reply;

pub use active_external_users::{ActiveExternalUsers, ActiveExternalUsersReply};
pub use authenticate::{Authenticate, AuthenticateReply};
pub use clustermap_change_notification::{
    ClustermapChangeNotification, ClustermapChangeNotificationReply, NotifiedVersion,
};
pub use get_authorization::{GetAuthorization, GetAuthorizationReply};
pub use reply::ServerReply;

use crate::message::messages;
use crate::{Request, Response};
// These messages are listed by the numbers that the server counts its own by.
use crate::ServerOpcode as Opcode;

messages! {
    /// Whichever request of the server a packet holds.
    pub enum ServerRequest of Request where is_server_request {
        /// Vbuckets have moved.
        ClustermapChangeNotification(ClustermapChangeNotification<'a>)
            = CLUSTERMAP_CHANGE_NOTIFICATION,
        /// Is this user who they say?
        Authenticate(Authenticate<'a>) = AUTHENTICATE,
        /// These users are connected.
        ActiveExternalUsers(ActiveExternalUsers<'a>) = ACTIVE_EXTERNAL_USERS,
        /// What may this user do?
        GetAuthorization(GetAuthorization<'a>) = GET_AUTHORIZATION,
    }
}

messages! {
    /// Whichever response to a request of the server a packet holds.
    pub enum ServerResponse of Response where is_server_response {
        /// An answer to [`ClustermapChangeNotification`], which nobody waits for.
        ClustermapChangeNotification(ClustermapChangeNotificationReply<'a>)
            = CLUSTERMAP_CHANGE_NOTIFICATION,
        /// The answer to [`Authenticate`].
        Authenticate(AuthenticateReply<'a>) = AUTHENTICATE,
        /// An answer to [`ActiveExternalUsers`], which nobody waits for.
        ActiveExternalUsers(ActiveExternalUsersReply<'a>) = ACTIVE_EXTERNAL_USERS,
        /// The answer to [`GetAuthorization`].
        GetAuthorization(GetAuthorizationReply<'a>) = GET_AUTHORIZATION,
    }
}
