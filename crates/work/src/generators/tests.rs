use strongroom_crypto::provider::KeyProvider;
use strongroom_model::{Curve, PublicKey};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::*;
use crate::slow::Slow;

const RSA_2048: KeySpec = KeySpec::Rsa { bits: 2048, exponent: 65_537 };
const RSA_3072: KeySpec = KeySpec::Rsa { bits: 3072, exponent: 65_537 };
const RSA_4096: KeySpec = KeySpec::Rsa { bits: 4096, exponent: 65_537 };

const ALICE: Charge = charge(1, 1);
const BOB: Charge = charge(2, 1);

const fn charge(principal: u128, vault: u128) -> Charge {
    Charge {
        principal: PrincipalId(Uuid::from_u128(principal)),
        vault: VaultId(Uuid::from_u128(vault)),
    }
}

struct World {
    slow: Arc<Slow>,
    provider: CryptoProvider,
    generators: Arc<Generators>,
}

impl World {
    fn new(config: GeneratorsConfig) -> Self {
        let slow = Arc::new(Slow::default());
        let provider = CryptoProvider {
            name: "slow",
            hsm_platform: 0,
            key_specs: vec![],
            signatures: vec![],
            encryptions: vec![],
            keys: Arc::clone(&slow) as Arc<dyn KeyProvider>,
        };
        let still = Box::new(|| 0);
        let generators = Generators::without_stocking(config, &provider, still).unwrap();
        Self { slow, provider, generators: Arc::new(generators) }
    }

    /// With a full stock, and the gate closed.
    fn stocked(stock: StockSizes) -> Self {
        let world = Self::new(GeneratorsConfig { stock, ..GeneratorsConfig::default() });
        world.slow.open();
        while world.held() < stock.rsa_2048 + stock.rsa_3072 + stock.rsa_4096 {
            world.generators.stock.add().unwrap();
        }
        world.slow.close();
        world
    }

    fn held(&self) -> usize {
        self.generators.stats().stock.iter().map(|level| level.held).sum()
    }

    /// Asks for a key, and is in the queue when this returns.
    async fn ask(
        &self,
        charge: Charge,
        spec: KeySpec,
    ) -> JoinHandle<Result<KeyMaterial, WorkError>> {
        let (generators, provider) = (Arc::clone(&self.generators), self.provider.clone());
        let task = tokio::spawn(async move { generators.generate(charge, &provider, spec).await });
        tokio::task::yield_now().await;
        task
    }

    /// Occupies the thread, until the gate is opened.
    async fn occupy(&self) -> JoinHandle<Result<KeyMaterial, WorkError>> {
        let task = self.ask(charge(99, 99), RSA_2048).await;
        while self.generators.stats().pool.running == 0 {
            tokio::task::yield_now().await;
        }
        task
    }
}

fn retry_after(outcome: Result<KeyMaterial, WorkError>) -> u32 {
    match outcome {
        Err(WorkError::Busy(busy)) => busy.retry_after_s,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was not refused"),
    }
}

#[tokio::test]
async fn principals_take_turns() {
    let world = World::new(GeneratorsConfig { stock: StockSizes::NONE, ..Default::default() });
    let first = world.occupy().await;
    let mut tasks = Vec::new();
    for _ in 0..10 {
        tasks.push(world.ask(ALICE, RSA_3072).await);
    }
    tasks.push(world.ask(BOB, RSA_4096).await);
    world.slow.open();
    first.await.unwrap().unwrap();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let place = world.slow.made().iter().position(|spec| *spec == RSA_4096).unwrap();
    assert!(place <= 2, "{:?}", world.slow.made());
}

#[tokio::test]
async fn one_principal_is_charged_in_each_vault_apart() {
    let world = World::new(GeneratorsConfig {
        per_charge: 1,
        stock: StockSizes::NONE,
        ..Default::default()
    });
    let _first = world.occupy().await;
    let _waiting = world.ask(ALICE, RSA_2048).await;
    assert!(retry_after(world.generators.generate(ALICE, &world.provider, RSA_2048).await) >= 1);
    let elsewhere = world.ask(charge(1, 2), RSA_2048).await;
    world.slow.open();
    elsewhere.await.unwrap().unwrap();
}

#[tokio::test]
async fn beyond_the_allowance_others_who_wait_go_first() {
    let world = World::new(GeneratorsConfig { stock: StockSizes::NONE, ..Default::default() });
    let _first = world.occupy().await;
    let mut tasks = Vec::new();
    for _ in 0..21 {
        tasks.push(world.ask(ALICE, RSA_2048).await);
    }
    assert_eq!(world.generators.stats().pool.queued, 21, "nobody else waits");
    tasks.push(world.ask(BOB, RSA_2048).await);
    let refused = world.generators.generate(ALICE, &world.provider, RSA_2048).await;
    assert_eq!(retry_after(refused), 1);
    assert_eq!(world.generators.stats().over_allowance, 1);
    world.slow.open();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_full_queue_costs_no_allowance() {
    let world = World::new(GeneratorsConfig {
        per_charge: 1,
        stock: StockSizes::NONE,
        ..Default::default()
    });
    let _first = world.occupy().await;
    let waiting = world.ask(ALICE, RSA_2048).await;
    for _ in 0..50 {
        retry_after(world.generators.generate(ALICE, &world.provider, RSA_2048).await);
    }
    assert_eq!(world.generators.lock().wait_ms(&ALICE, 0), 0);
    world.slow.open();
    waiting.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_stock_gives_what_was_made_and_each_key_once() {
    let world = World::stocked(StockSizes::default());
    let levels = world.generators.stats().stock.map(|level| (level.bits, level.held));
    assert_eq!(levels, [(2048, 4), (3072, 2), (4096, 1)]);
    let mut names = Vec::new();
    for _ in 0..4 {
        let key = world.generators.generate(ALICE, &world.provider, RSA_2048).await.unwrap();
        let name = key.private.into_utf8().unwrap();
        assert!(name.contains("2048"), "{name}");
        assert_eq!(key.public, PublicKey::Rsa { n: name.clone().into(), e: vec![1, 0, 1] });
        names.push(name);
    }
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 4);
    let stats = world.generators.stats();
    assert_eq!((stats.from_stock, stats.pool.done, world.held()), (4, 0, 3));
    let fifth = world.ask(ALICE, RSA_2048).await;
    world.slow.open();
    fifth.await.unwrap().unwrap();
    assert_eq!(world.generators.stats().from_stock, 4, "none was left");
}

#[tokio::test]
async fn refusals_spend_no_stock() {
    let stock = StockSizes { rsa_2048: 0, rsa_3072: 3, rsa_4096: 0 };
    let world = World::stocked(stock);
    let _first = world.occupy().await;
    let mut tasks = Vec::new();
    for _ in 0..20 {
        tasks.push(world.ask(ALICE, RSA_2048).await);
    }
    // Beyond the allowance, and nobody else waits: in turn, and not from the stock.
    tasks.push(world.ask(ALICE, RSA_3072).await);
    tasks.push(world.ask(BOB, RSA_2048).await);
    for _ in 0..5 {
        retry_after(world.generators.generate(ALICE, &world.provider, RSA_3072).await);
    }
    assert_eq!(world.held(), 3);
    world.generators.generate(BOB, &world.provider, RSA_3072).await.unwrap();
    assert_eq!(world.held(), 2, "within the allowance it is there at once");
    world.slow.open();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn only_the_usual_exponent_and_the_stocks_own_provider_draw_on_it() {
    let world = World::stocked(StockSizes::default());
    world.slow.open();
    let three = KeySpec::Rsa { bits: 2048, exponent: 3 };
    world.generators.generate(ALICE, &world.provider, three).await.unwrap();
    let device = World::new(GeneratorsConfig::default());
    device.slow.open();
    world.generators.generate(ALICE, &device.provider, RSA_2048).await.unwrap();
    assert_eq!(device.slow.made(), [RSA_2048], "the device made its own");
    assert_eq!((world.held(), world.generators.stats().from_stock), (7, 0));
}

#[tokio::test]
async fn other_keys_do_not_wait_for_rsa_keys() {
    let mut world = World::new(GeneratorsConfig::default());
    let _first = world.occupy().await;
    let specs = [KeySpec::Ec(Curve::P521), KeySpec::Oct { bits: 256 }];
    for spec in specs {
        world.generators.generate(ALICE, &world.provider, spec).await.unwrap();
    }
    assert_eq!(world.slow.made(), specs);
    world.provider.hsm_platform = 1;
    let in_turn = world.ask(ALICE, specs[0]).await;
    assert_eq!(world.generators.stats().pool.queued, 1, "a device's keys wait");
    world.slow.open();
    in_turn.await.unwrap().unwrap();
}
