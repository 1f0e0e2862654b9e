//! What can go wrong once on a real server: a joiner that wedges, an init that was killed, a lost answer to the start of a drill.

use harness::proxy::{Action, Lasting, Mode, Moment, Proxy, Trap};
use serde_json::Value;

use super::*;

const LIMIT: Duration = Duration::from_mins(1);

/// Shares of no server: of the right form, and of one split of nothing.
fn wrong() -> Vec<Share> {
    (1..=3).map(|number| Share::copy_from(&[vec![7; 32], vec![number]].concat())).collect()
}

#[tokio::test]
async fn wrong_shares_wedge_a_joiner_until_its_restart_and_one_call_aside_still_answers() {
    for product in Product::BOTH {
        let mut cluster = Cluster::start(product, 2, None).await;
        let keys = cluster.nodes[0].api().init(5, 3).await;
        cluster.nodes[0].api().unseal(&keys).await;
        cluster.nodes[0].api().active().await;
        let client = client(&cluster.nodes[1].address(), None, None);
        let met = async || client.seal_status().await.is_ok_and(|status| status.initialized && status.threshold == 3);
        wait::until(LIMIT, "the joiner to meet its leader", met).await;
        let wrong = wrong();
        for share in &wrong[..2] {
            assert!(matches!(client.send_share(share, false).await, Ok(ShareAnswer::Counted { .. })), "{product:?}");
        }
        let last = client.send_share(&wrong[2], true).await;
        assert_eq!(last.unwrap_err().kind, VaultErrorKind::TimedOut, "{product:?}");
        assert_eq!(client.seal_status().await.unwrap_err().kind, VaultErrorKind::TimedOut, "{product:?}");
        let aside = (client.health().await == Ok(Health::Sealed), client.initialised().await == Ok(true));
        // OpenBao answers health, Vault whether it is initialised; the other question hangs.
        assert_eq!(aside, (product == Product::OpenBao, product == Product::Vault), "{product:?}");

        cluster.nodes[1].kill();
        cluster.nodes[1].start_again().await;
        wait::until(LIMIT, "the joiner to meet its leader again", met).await;
        for (at, share) in enough(&keys).iter().enumerate() {
            client.send_share(share, at == 2).await.expect("an answer");
        }
        wait::until(LIMIT, "the joiner to open", async || client.health().await == Ok(Health::Standby)).await;
    }
}

/// Kills a raft server inside its init before it has elected a leader. `None` where the leader was quicker.
async fn killed_before_its_leader(product: Product) -> Option<Server> {
    let mut server = Plan::new(product, Storage::Raft).start().await;
    let api = server.api().clone();
    let init = tokio::spawn(async move {
        let body = json!({"secret_shares": 5, "secret_threshold": 3});
        api.try_call(Method::PUT, "sys/init", None, Some(&body), LIMIT).await
    });
    let log = || server.folder().join("server.log");
    let says = |words: &str| std::fs::read_to_string(log()).is_ok_and(|text| text.contains(words));
    wait::until(LIMIT, "raft to begin", async || says("entering follower state")).await;
    server.kill();
    drop(init.await);
    let text = std::fs::read_to_string(server.folder().join("server.log")).expect("the server's log");
    (!text.contains("election won")).then_some(server)
}

#[tokio::test]
async fn a_server_whose_init_was_killed_before_it_had_a_leader_is_told_from_an_empty_one() {
    for product in Product::BOTH {
        let mut killed = None;
        for _ in 0..5 {
            killed = killed_before_its_leader(product).await;
            if killed.is_some() {
                break;
            }
        }
        let mut server = killed.expect("one of five kills before the election");
        server.start_again().await;
        let client = client(&server.address(), None, None);
        assert!(!client.seal_status().await.expect("an answer").initialized, "{product:?} looks empty");
        let refusal = client.init(5, 3).await.err().expect("an init is refused");
        assert_eq!(refusal.kind, VaultErrorKind::ClusterHasState, "{product:?}: {refusal}");
        server.kill();
        server.empty_storage();
        server.start_again().await;
        assert!(client.init(5, 3).await.is_ok(), "{product:?}: the way out");
    }
}

/// An open server, and a client that reaches it through a proxy.
struct Ground {
    server: Server,
    keys: Keys,
    proxy: Proxy,
    client: Client,
    token: Option<Token>,
    path: &'static str,
}

/// Calls of a drill before its start: leader, seal-status, what runs.
const START: usize = 3;

impl Ground {
    async fn new(product: Product) -> Self {
        let (server, keys, _) = open(product).await;
        let proxy = Proxy::to(server.port()).await;
        let client = client(&proxy.address(), None, None);
        let path = if product == Product::OpenBao { "sys/rotate/root/init" } else { "sys/rekey/init" };
        let token = drill_token(product, &keys);
        Self { server, keys, proxy, client, token, path }
    }

    async fn drill(&self) -> Result<DrillOutcome, vault::VaultError> {
        self.client.drill(self.token.as_ref(), &enough(&self.keys), 5, 3).await
    }

    /// What runs on the server, asked past the proxy.
    async fn running(&self) -> Value {
        let body = self.server.api().call(Method::GET, self.path, Some(&self.keys.root_token), None).await.good();
        body.get("data").cloned().unwrap_or(body)
    }

    fn start_was_sent(&self) -> bool {
        self.proxy.calls().get(START).is_some_and(|call| call.name == format!("PUT /v1/{}", self.path))
    }
}

#[tokio::test]
async fn a_drill_whose_start_lost_its_answer_leaves_nothing_behind_and_the_next_one_works() {
    for product in Product::BOTH {
        let ground = Ground::new(product).await;
        ground.proxy.trap(Trap::at(START, Moment::BeforeAnswering, || Action::Reset));
        let refusal = ground.drill().await.unwrap_err();
        assert_eq!(refusal.kind, VaultErrorKind::Unreachable, "{product:?}: {refusal}");
        assert!(ground.proxy.sprung() && ground.start_was_sent(), "{:?}", ground.proxy.calls());
        assert_eq!(ground.running().await["started"], false, "{product:?}: cancelled");
        assert_eq!(ground.drill().await, Ok(DrillOutcome::Accepted), "{product:?}");
        assert_eq!(ground.running().await["started"], false);
    }
}

#[tokio::test]
async fn a_drill_whose_start_never_arrived_leaves_somebody_elses_rotation_alone() {
    for product in Product::BOTH {
        let ground = Ground::new(product).await;
        // It begins in the moment in which ours is lost.
        let (base, path, token) = (ground.server.address(), ground.path, ground.keys.root_token.clone());
        let (begun, theirs) = std::sync::mpsc::channel();
        ground.proxy.trap(Trap::at(START, Moment::BeforeForwarding, move || {
            let thread = std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
                let body = json!({"secret_shares": 7, "secret_threshold": 4, "require_verification": true});
                let api = harness::api::Api::new(&base, None);
                runtime.block_on(api.call(Method::PUT, path, Some(&token), Some(&body))).good()
            });
            drop(begun.send(thread.join().expect("their start")));
            Action::Reset
        }));
        assert_eq!(ground.drill().await.unwrap_err().kind, VaultErrorKind::Unreachable, "{product:?}");
        let theirs = theirs.try_recv().expect("they began");
        let nonce = theirs.get("data").unwrap_or(&theirs)["nonce"].clone();
        let running = ground.running().await;
        assert_eq!(
            (&running["started"], &running["nonce"], &running["n"]),
            (&true.into(), &nonce, &7.into()),
            "{running}"
        );
        assert_eq!(ground.drill().await.unwrap_err().kind, VaultErrorKind::InProgress, "{product:?}");
        assert_eq!(ground.running().await, running, "left alone by the next drill too");
    }
}

#[tokio::test]
async fn a_drill_that_could_not_take_back_its_lost_start_says_so() {
    for product in Product::BOTH {
        let ground = Ground::new(product).await;
        ground.proxy.break_at(START, Lasting::FromThenOn, Mode::DropAnswer);
        let refusal = ground.drill().await.unwrap_err();
        assert!(refusal.detail.contains("may still run on the server"), "{product:?}: {refusal}");
        let left = ground.running().await;
        assert_eq!((&left["started"], &left["progress"]), (&true.into(), &0.into()), "no share was sent: {left}");
        // Nobody can tell whose it is: it is a person's to cancel.
        ground.proxy.set(Mode::Pass);
        assert_eq!(ground.drill().await.unwrap_err().kind, VaultErrorKind::InProgress, "{product:?}");
        assert_eq!(ground.running().await, left);
    }
}
