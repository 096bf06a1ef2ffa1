//! How many requests a principal may send: the real service's token buckets.
//!
//! Every principal has a bucket for reads, one for writes and one for deletes in each
//! subscription, and three more for what is in none. A request takes a token; tokens come back at
//! a steady rate, until the bucket is full. Above the principals' buckets, a subscription has its
//! own for all of them together. Source: "Understand how Azure Resource Manager throttles
//! requests". Each node counts for itself.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use http::{HeaderName, HeaderValue, Method, StatusCode};
use strongroom_model::{Caller, PrincipalId, SubscriptionId, TenantId};

use crate::Problem;

/// How many buckets are kept before full ones are forgotten: a full one says nothing.
const KEPT: usize = 4_096;

/// The buckets of a subscription or a tenant, in buckets of a principal.
const GLOBAL: u32 = 15;

/// A token in the unit that buckets are counted in: so much comes back at 1/s in 1 ms.
const TOKEN: u32 = 1_000;

/// Whose limits hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Throttling {
    /// Nobody's: nothing is counted, and every answer says what the first request leaves.
    #[default]
    Off,
    /// The real service's.
    Azure,
}

/// Counts requests, and refuses those that find no token.
#[derive(Debug, Default)]
pub struct Throttle {
    mode: Throttling,
    buckets: Mutex<HashMap<Counting, Bucket>>,
}

/// What a bucket counts: where, whose requests (`None`: everybody's), and which.
type Counting = (Counted, Option<PrincipalId>, Kind);

/// Where a request goes, as far as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Counted {
    /// Below a subscription.
    Subscription(SubscriptionId),
    /// Below none.
    Tenant(TenantId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Read,
    Write,
    Delete,
}

impl Kind {
    fn of(method: &Method) -> Self {
        match *method {
            Method::GET | Method::HEAD => Self::Read,
            Method::DELETE => Self::Delete,
            _ => Self::Write,
        }
    }

    /// How many tokens a principal's bucket holds, and how many come back in a second.
    fn limit(self) -> (u32, u32) {
        match self {
            Self::Read => (250, 25),
            Self::Write | Self::Delete => (200, 10),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Delete => "delete",
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// In thousandths of a token.
    left: u32,
    /// When that was, in milliseconds since the epoch.
    at_ms: i64,
}

impl Bucket {
    /// The bucket at another moment; `limit` is its size and what comes back in a second.
    fn at(self, now_ms: i64, (size, rate): (u32, u32)) -> Self {
        let passed = u64::try_from(now_ms.saturating_sub(self.at_ms)).unwrap_or(0);
        let back = u32::try_from(passed.saturating_mul(rate.into())).unwrap_or(u32::MAX);
        let left = self.left.saturating_add(back).min(size * TOKEN);
        Self { left, at_ms: now_ms.max(self.at_ms) }
    }
}

/// What a request leaves, as the answer's headers say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Remaining {
    place: Counted,
    kind: Kind,
    /// In the principal's bucket, in whole tokens.
    own: u32,
    /// In the bucket of all principals.
    all: u32,
}

impl Remaining {
    fn of_full(place: Counted, kind: Kind) -> Self {
        let (size, _) = kind.limit();
        Self { place, kind, own: size - 1, all: size * GLOBAL - 1 }
    }

    /// The headers: `x-ms-ratelimit-remaining-subscription-reads`, and so on.
    pub(crate) fn headers(self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let place = match self.place {
            Counted::Subscription(_) => "subscription",
            Counted::Tenant(_) => "tenant",
        };
        let kind = self.kind.name();
        // The answers of the real service have the second for subscriptions alone.
        let all = (place == "subscription").then_some(("global-", self.all));
        [("", self.own)].into_iter().chain(all).filter_map(move |(whose, left)| {
            let name = format!("x-ms-ratelimit-remaining-{place}-{whose}{kind}s");
            Some((HeaderName::try_from(name).ok()?, HeaderValue::from(left)))
        })
    }
}

impl Throttle {
    /// With every bucket full.
    pub fn new(mode: Throttling) -> Self {
        Self { mode, buckets: Mutex::default() }
    }

    /// Takes the tokens of a request; what is left is told in either case, and a refusal costs
    /// nothing.
    pub(crate) fn spend(
        &self,
        caller: &Caller,
        place: Counted,
        method: &Method,
        now_ms: i64,
    ) -> (Remaining, Result<(), Problem>) {
        let kind = Kind::of(method);
        if self.mode == Throttling::Off {
            return (Remaining::of_full(place, kind), Ok(()));
        }
        let limit = kind.limit();
        let of_all = (limit.0 * GLOBAL, limit.1 * GLOBAL);
        let keys = [(place, Some(caller.object_id), kind), (place, None, kind)];
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let at = |key, limit: (u32, u32)| {
            let full = Bucket { left: limit.0 * TOKEN, at_ms: now_ms };
            buckets.get(&key).map_or(full, |kept: &Bucket| kept.at(now_ms, limit))
        };
        let [own_key, all_key] = keys;
        let (mut own, mut all) = (at(own_key, limit), at(all_key, of_all));
        let poorer = [(own, limit.1), (all, of_all.1)].into_iter().find(|(b, _)| b.left < TOKEN);
        if poorer.is_none() {
            own.left -= TOKEN;
            all.left -= TOKEN;
            forget_full(&mut buckets, now_ms);
            buckets.insert(own_key, own);
            buckets.insert(all_key, all);
        }
        let left = Remaining { place, kind, own: own.left / TOKEN, all: all.left / TOKEN };
        match poorer {
            None => (left, Ok(())),
            Some((bucket, rate)) => (left, Err(refused(caller, place, kind, bucket, rate))),
        }
    }
}

fn forget_full(buckets: &mut HashMap<(Counted, Option<PrincipalId>, Kind), Bucket>, now_ms: i64) {
    if buckets.len() < KEPT {
        return;
    }
    buckets.retain(|(_, principal, kind), bucket| {
        let (size, rate) = kind.limit();
        let times = if principal.is_some() { 1 } else { GLOBAL };
        let limit = (size * times, rate * times);
        bucket.at(now_ms, limit).left < limit.0 * TOKEN
    });
}

/// 429. The words are the real service's for a subscription; those for a tenant follow them.
fn refused(caller: &Caller, place: Counted, kind: Kind, bucket: Bucket, rate: u32) -> Problem {
    let wait_ms = TOKEN.saturating_sub(bucket.left).div_ceil(rate);
    let seconds = wait_ms.div_ceil(1_000).max(1);
    let (code, whose) = match place {
        Counted::Subscription(id) => {
            ("SubscriptionRequestsThrottled", format!("subscription '{id}'"))
        }
        Counted::Tenant(id) => ("TenantRequestsThrottled", format!("tenant '{id}'")),
    };
    let message = format!(
        "Number of '{}' requests for {whose} actor '{}' exceeded. Please try again after \
         '{seconds}' seconds after additional tokens are available. Refer to \
         https://aka.ms/arm-throttling for additional information.",
        kind.name(),
        caller.object_id
    );
    Problem::new(StatusCode::TOO_MANY_REQUESTS, code, message).retry_after(seconds)
}

#[cfg(test)]
mod tests {
    use strongroom_model::IdentityType;
    use uuid::Uuid;

    use super::*;

    const NOW: i64 = 1_800_000_000_000;
    const HERE: Counted = Counted::Subscription(SubscriptionId(Uuid::from_u128(1)));
    const ELSEWHERE: Counted = Counted::Subscription(SubscriptionId(Uuid::from_u128(2)));

    fn caller(number: u128) -> Caller {
        Caller {
            tenant: TenantId(Uuid::from_u128(9)),
            object_id: PrincipalId(Uuid::from_u128(number)),
            app_id: None,
            upn: None,
            groups: Vec::new(),
            identity_type: IdentityType::App,
            issuer: String::new(),
        }
    }

    /// How many requests in a row find a token.
    fn admitted(
        throttle: &Throttle,
        number: u128,
        place: Counted,
        method: &Method,
        now: i64,
    ) -> usize {
        let send = |_: &usize| throttle.spend(&caller(number), place, method, now).1.is_ok();
        (0..10_000).take_while(send).count()
    }

    #[test]
    fn buckets_hold_and_fill_as_documented() {
        for (method, size, rate) in
            [(Method::GET, 250, 25), (Method::PUT, 200, 10), (Method::DELETE, 200, 10)]
        {
            let throttle = Throttle::new(Throttling::Azure);
            let at = |now| admitted(&throttle, 1, HERE, &method, now);
            assert_eq!((at(NOW), at(NOW)), (size, 0), "{method}");
            assert_eq!(at(NOW + 1_000), rate);
            let token_ms = i64::try_from(1_000 / rate).unwrap();
            assert_eq!(at(NOW + 1_000 + token_ms - 1), 0);
            assert_eq!(at(NOW + 1_000 + token_ms), 1);
            assert_eq!(at(NOW + 3_600_000), size, "no more than it holds");
            assert_eq!(at(NOW), 0, "a clock that goes back fills nothing");
        }
    }

    #[test]
    fn principals_places_and_kinds_have_buckets_of_their_own() {
        let throttle = Throttle::new(Throttling::Azure);
        let tenant = Counted::Tenant(TenantId(Uuid::from_u128(1)));
        assert_eq!(admitted(&throttle, 1, HERE, &Method::GET, NOW), 250);
        assert_eq!(admitted(&throttle, 2, HERE, &Method::HEAD, NOW), 250);
        assert_eq!(admitted(&throttle, 1, ELSEWHERE, &Method::GET, NOW), 250);
        assert_eq!(admitted(&throttle, 1, tenant, &Method::GET, NOW), 250);
        assert_eq!(admitted(&throttle, 1, HERE, &Method::PATCH, NOW), 200);
        assert_eq!(admitted(&throttle, 1, HERE, &Method::POST, NOW), 0);
    }

    #[test]
    fn all_principals_together_have_fifteen_buckets() {
        let throttle = Throttle::new(Throttling::Azure);
        for number in 0..15 {
            assert_eq!(admitted(&throttle, number, HERE, &Method::PUT, NOW), 200);
        }
        let (left, refused) = throttle.spend(&caller(99), HERE, &Method::PUT, NOW);
        assert_eq!((left.own, left.all), (200, 0));
        let refused = refused.unwrap_err();
        assert_eq!((refused.status.as_u16(), refused.code), (429, "SubscriptionRequestsThrottled"));
        assert_eq!(admitted(&throttle, 99, HERE, &Method::PUT, NOW + 1_000), 150);
    }

    #[test]
    fn memory_is_for_those_who_lately_asked() {
        let throttle = Throttle::new(Throttling::Azure);
        let kept = || throttle.buckets.lock().unwrap().len();
        for number in 0..20_000 {
            let now = NOW + i64::try_from(number).unwrap() * 10;
            throttle.spend(&caller(number), HERE, &Method::GET, now).1.unwrap();
        }
        assert!(kept() <= KEPT + 1, "{}", kept());
    }

    #[test]
    fn off_nothing_is_counted() {
        let throttle = Throttle::new(Throttling::Off);
        assert_eq!(admitted(&throttle, 1, HERE, &Method::GET, NOW), 10_000);
        assert!(throttle.buckets.lock().unwrap().is_empty());
        let (left, _) = throttle.spend(&caller(1), HERE, &Method::GET, NOW);
        let headers: Vec<_> = left.headers().collect();
        assert_eq!(headers[0].0, "x-ms-ratelimit-remaining-subscription-reads");
        assert_eq!(headers[0].1, "249");
        assert_eq!(headers[1].0, "x-ms-ratelimit-remaining-subscription-global-reads");
        assert_eq!(headers[1].1, "3749");
    }
}
