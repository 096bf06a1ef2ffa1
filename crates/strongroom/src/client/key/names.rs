//! Options that take one of a list of names.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use strongroom_model::{
    AkpAlgorithm, Curve, EncryptionAlgorithm, KeyOperation, KeyType, SignatureAlgorithm,
};

macro_rules! one_of {
    ($($(#[$doc:meta])* $function:ident $named:ident)*) => {
        $(
            $(#[$doc])*
            pub(in super::super) fn $function() -> impl TypedValueParser<Value = $named> {
                let names = $named::ALL.iter().map(|known| known.name());
                PossibleValuesParser::new(names)
                    .try_map(|name| $named::parse(&name))
            }
        )*
    };
}

one_of! {
    /// The types of keys.
    key_type KeyType
    /// The curves.
    curve Curve
    /// What a key may be used for.
    key_operation KeyOperation
    /// How data is encrypted, or a key is wrapped.
    encryption EncryptionAlgorithm
    /// How a digest is signed.
    signature SignatureAlgorithm
    /// The algorithms of AKP keys.
    akp AkpAlgorithm
}
