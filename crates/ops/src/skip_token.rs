//! Skip tokens: where the next page begins. Sealed for their list, so that a token that was
//! forged, or taken to another list or vault, is refused.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use strongroom_model::{Kind, VaultId};
use strongroom_seal::Place;
use strongroom_store::Store;
use strongroom_store::layout::{self, Table};

use crate::{OpError, Ops};

/// The longest token that is looked at, in characters.
const MAX_TOKEN_CHARS: usize = 1_024;

/// A list that has pages.
pub(crate) enum List<'a> {
    /// The heads of a table.
    Heads(VaultId, Kind, Table),
    /// The versions of an object.
    Versions(VaultId, Kind, &'a str),
}

impl List<'_> {
    fn id(&self) -> Vec<u8> {
        match self {
            Self::Heads(vault, kind, table) => layout::table(*vault, *kind, *table),
            Self::Versions(vault, kind, folded) => {
                let table = layout::table(*vault, *kind, Table::Versions);
                [table.as_slice(), folded.as_bytes()].concat()
            }
        }
    }
}

impl<S: Store> Ops<S> {
    /// The token of the page after the row that ends in `last`.
    pub(crate) fn skip_token(&self, list: &List<'_>, last: &[u8]) -> Result<String, OpError> {
        let id = list.id();
        let sealed = self.ring.list_token().seal(&Place::Row("skiptoken", &id), last)?;
        Ok(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// The end of the last row of the page before.
    pub(crate) fn read_skip_token(
        &self,
        list: &List<'_>,
        token: Option<&str>,
    ) -> Result<Option<Vec<u8>>, OpError> {
        let Some(token) = token else { return Ok(None) };
        if token.len() > MAX_TOKEN_CHARS {
            return Err(OpError::SkipToken);
        }
        let sealed = URL_SAFE_NO_PAD.decode(token).map_err(|_| OpError::SkipToken)?;
        let id = list.id();
        let opened = self
            .ring
            .list_token()
            .open(&Place::Row("skiptoken", &id), &sealed)
            .map_err(|_| OpError::SkipToken)?;
        Ok(Some(opened.expose().to_vec()))
    }
}
