//! JSON whose members may be spelt in any case, as the control plane's clients may: a member that
//! was passed over for its spelling could be the one that closes a firewall.
//!
//! What a type names its members by is what they are read as, at every depth; a member that is
//! there twice, in whatever case, is refused as any member that is there twice.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error, IntoDeserializer,
    MapAccess, SeqAccess, Unexpected, Visitor,
};

/// A body as its type.
///
/// # Errors
/// That it is no such JSON.
pub fn from_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, serde_json::Error> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let read = T::deserialize(AnyCase { inner: &mut json, names: &[] })?;
    json.end()?;
    Ok(read)
}

/// Something of JSON, and what a type calls the members that are right in it.
struct AnyCase<I> {
    inner: I,
    names: &'static [&'static str],
}

impl<I> AnyCase<I> {
    fn of(inner: I) -> Self {
        Self { inner, names: &[] }
    }
}

macro_rules! deserialize {
    ($($method:ident($($argument:ident: $type:ty),*))*) => {$(
        fn $method<V: Visitor<'de>>(
            self,
            $($argument: $type,)*
            visitor: V,
        ) -> Result<V::Value, Self::Error> {
            self.inner.$method($($argument,)* AnyCase::of(visitor))
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for AnyCase<D> {
    type Error = D::Error;

    deserialize! {
        deserialize_any() deserialize_bool() deserialize_i8() deserialize_i16() deserialize_i32()
        deserialize_i64() deserialize_u8() deserialize_u16() deserialize_u32() deserialize_u64()
        deserialize_f32() deserialize_f64() deserialize_char() deserialize_str()
        deserialize_string() deserialize_bytes() deserialize_byte_buf() deserialize_option()
        deserialize_unit() deserialize_seq() deserialize_map() deserialize_identifier()
        deserialize_ignored_any() deserialize_unit_struct(name: &'static str)
        deserialize_newtype_struct(name: &'static str) deserialize_tuple(length: usize)
        deserialize_tuple_struct(name: &'static str, length: usize)
        deserialize_enum(name: &'static str, variants: &'static [&'static str])
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.inner.deserialize_struct(name, names, AnyCase { inner: visitor, names })
    }
}

macro_rules! visit {
    ($($method:ident($type:ty))*) => {$(
        fn $method<E: Error>(self, value: $type) -> Result<V::Value, E> {
            self.inner.$method(value)
        }
    )*};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for AnyCase<V> {
    type Value = V::Value;

    visit! {
        visit_bool(bool) visit_i64(i64) visit_u64(u64) visit_f64(f64) visit_str(&str)
        visit_borrowed_str(&'de str) visit_string(String) visit_bytes(&[u8])
        visit_borrowed_bytes(&'de [u8]) visit_byte_buf(Vec<u8>)
    }

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_none()
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, within: D) -> Result<V::Value, D::Error> {
        self.inner.visit_some(AnyCase::of(within))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, within: D) -> Result<V::Value, D::Error> {
        self.inner.visit_newtype_struct(AnyCase::of(within))
    }

    /// serde takes a list for a type with members, one by one; nobody means that.
    fn visit_seq<A: SeqAccess<'de>>(self, within: A) -> Result<V::Value, A::Error> {
        if !self.names.is_empty() {
            return Err(Error::invalid_type(Unexpected::Seq, &self));
        }
        self.inner.visit_seq(AnyCase::of(within))
    }

    fn visit_map<A: MapAccess<'de>>(self, within: A) -> Result<V::Value, A::Error> {
        self.inner.visit_map(AnyCase { inner: within, names: self.names })
    }

    fn visit_enum<A: EnumAccess<'de>>(self, within: A) -> Result<V::Value, A::Error> {
        self.inner.visit_enum(within)
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for AnyCase<A> {
    type Error = A::Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, A::Error> {
        self.inner.next_element_seed(AnyCase::of(seed))
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for AnyCase<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        self.inner.next_key_seed(Named { seed, names: self.names })
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, A::Error> {
        self.inner.next_value_seed(AnyCase::of(seed))
    }
}

impl<'de, T: DeserializeSeed<'de>> DeserializeSeed<'de> for AnyCase<T> {
    type Value = T::Value;

    fn deserialize<D: Deserializer<'de>>(self, within: D) -> Result<T::Value, D::Error> {
        self.inner.deserialize(AnyCase::of(within))
    }
}

/// A member's name, read as the type spells it; one that the type does not know stays as it is.
struct Named<K> {
    seed: K,
    names: &'static [&'static str],
}

impl<'de, K: DeserializeSeed<'de>> DeserializeSeed<'de> for Named<K> {
    type Value = K::Value;

    fn deserialize<D: Deserializer<'de>>(self, name: D) -> Result<K::Value, D::Error> {
        if self.names.is_empty() {
            return self.seed.deserialize(name);
        }
        let spelt: Cow<'_, str> = name.deserialize_str(Spelt(PhantomData))?;
        let known = self.names.iter().find(|known| known.eq_ignore_ascii_case(&spelt));
        let name: StrDeserializer<'_, D::Error> =
            known.map_or(spelt.as_ref(), |known| *known).into_deserializer();
        self.seed.deserialize(name)
    }
}

/// A name as it was spelt.
struct Spelt<'de>(PhantomData<&'de str>);

impl<'de> Visitor<'de> for Spelt<'de> {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::*;
    use crate::arm_vaults::{SecretParameters, VaultParameters};

    fn read(body: &Value) -> VaultParameters {
        from_json(body.to_string().as_bytes()).unwrap()
    }

    /// At every depth: in a member, in a list, behind what may be missing.
    #[test]
    fn a_firewall_closes_in_whatever_case_it_is_spelt() {
        let sent = json!({
            "LOCATION": "local",
            "Tags": { "Env": "prod", "env2": "x" },
            "Properties": {
                "publicnetworkaccess": "Disabled",
                "EnablePurgeprotection": true,
                "NetworkAcls": { "DefaultAction": "Deny", "IpRules": [{ "Value": "192.0.2.1" }] },
                "AccessPolicies": [{ "ObjectId": "o", "Permissions": { "Secrets": ["get"] } }],
            },
        });
        let read = read(&sent);
        assert_eq!(read.location.as_deref(), Some("local"));
        let tags = read.tags.unwrap();
        assert_eq!(tags.keys().collect::<Vec<_>>(), ["Env", "env2"], "what clients name stays");
        let properties = read.properties.unwrap();
        assert_eq!(properties.public_network_access.as_deref(), Some("Disabled"));
        assert_eq!(properties.enable_purge_protection, Some(true));
        let acls = properties.network_acls.unwrap();
        assert_eq!(acls.default_action.as_deref(), Some("Deny"));
        assert_eq!(acls.ip_rules.unwrap()[0].value.as_deref(), Some("192.0.2.1"));
        let policies = properties.access_policies.unwrap();
        assert_eq!(policies[0].object_id.as_deref(), Some("o"));
        let secrets = policies[0].permissions.as_ref().unwrap().secrets.clone();
        assert_eq!(secrets.unwrap(), ["get"]);
    }

    #[test]
    fn a_member_that_is_there_twice_is_refused_in_any_case() {
        for twice in [
            r#"{"properties":{"networkAcls":{"defaultAction":"Deny","DefaultAction":"Allow"}}}"#,
            r#"{"properties":{"networkAcls":null,"NETWORKACLS":{}}}"#,
            r#"{"location":"a","location":"b"}"#,
        ] {
            assert!(from_json::<VaultParameters>(twice.as_bytes()).is_err(), "{twice}");
        }
    }

    #[test]
    fn what_follows_a_body_or_is_missing_from_it_is_refused() {
        for bad in
            ["", "{", "{} {}", "[1", r#"{"location":1}"#, r#"{"properties":"x"}"#, r#"["local"]"#]
        {
            assert!(from_json::<VaultParameters>(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(from_json::<VaultParameters>(b"{\"unknown\": {\"a\": [1, null]}} ").is_ok());
    }

    #[test]
    fn escapes_in_names_and_values_are_read() {
        let sent = br#"{"Propertie\u0073":{"VALUE":"a\nb"}}"#;
        let read: SecretParameters = from_json(sent).unwrap();
        assert_eq!(read.properties.unwrap().value.unwrap().expose(), "a\nb");
    }

    #[test]
    fn an_object_of_no_type_stays_as_it_is() {
        let sent = json!({ "A": 1, "a": { "B": [true, null, 1.5, -2, "x"] } });
        let read: Map<String, Value> = from_json(sent.to_string().as_bytes()).unwrap();
        assert_eq!(Value::Object(read), sent);
    }
}
