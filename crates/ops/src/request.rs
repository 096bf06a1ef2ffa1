//! What requests say of themselves, to be held against what was authorised.

/// Requests that name an object, each for the operation of its own name.
macro_rules! about_object {
    ($($request:ident)*) => {$(
        impl strongroom_authz::RequestFacts for $request {
            const OPERATION: strongroom_model::Operation = strongroom_model::Operation::$request;

            fn object(&self) -> Option<&strongroom_model::ObjectName> {
                Some(&self.name)
            }
        }
    )*};
}

/// Requests that concern the whole vault, each for the operation of its own name.
macro_rules! about_vault {
    ($($request:ident)*) => {$(
        impl strongroom_authz::RequestFacts for $request {
            const OPERATION: strongroom_model::Operation = strongroom_model::Operation::$request;

            fn object(&self) -> Option<&strongroom_model::ObjectName> {
                None
            }
        }
    )*};
}

/// Requests that say no more than an object's name.
macro_rules! name_only {
    ($($(#[$doc:meta])* $request:ident)*) => {$(
        $(#[$doc])*
        pub struct $request {
            /// The name.
            pub name: strongroom_model::ObjectName,
        }

        $crate::request::about_object! { $request }
    )*};
}

pub(crate) use {about_object, about_vault, name_only};
