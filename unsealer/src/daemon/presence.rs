//! Noticing within milliseconds that a server process is gone, without asking it again and again.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::supervisor::{Continuity, Facts, Meanwhile, Wake};
use crate::vault::Node;

/// Vault and OpenBao drop a connection on which nothing was asked for 5 minutes (their idle time-out): ours is renewed before.
const SPAN: Duration = Duration::from_mins(4);
/// A connection stands surely after this time.
const MADE: Duration = Duration::from_millis(200);
/// A server that answers but keeps no connection must not be asked in a tight loop: no two connections are begun within this time.
const APART: Duration = Duration::from_secs(2);
/// While none may be begun, the server is asked this often.
const MEANWHILE: Duration = Duration::from_millis(100);

type Ended = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One idle connection to a server, held over many looks.
#[derive(Default)]
pub(super) struct Presence {
    link: Option<Ended>,
    begun: Option<Instant>,
}

impl Presence {
    /// Whether the connection ended since it was last asked. Without one: `false`.
    pub(super) fn ended(&mut self) -> bool {
        let Some(link) = &mut self.link else { return false };
        let ended = link.as_mut().poll(&mut Context::from_waker(Waker::noop())) == Poll::Ready(());
        if ended {
            self.link = None;
        }
        ended
    }

    /// Waits as `wake` says, and tells what is known of the server meanwhile. New facts end a wait that watches.
    pub(super) async fn wait(
        &mut self,
        node: Option<&Arc<dyn Node>>,
        wake: Wake,
        known: &mut watch::Receiver<Facts>,
    ) -> Continuity {
        let node = match (node, wake.meanwhile) {
            (Some(node), Meanwhile::Watch) => node,
            (Some(node), Meanwhile::Knock) => {
                self.link = None;
                node.listens(wake.after).await;
                return Continuity::Unwatched;
            }
            _ => {
                self.link = None;
                sleep(wake.after).await;
                return Continuity::Unwatched;
            }
        };
        if self.link.is_none() {
            if self.begun.is_some_and(|begun| begun.elapsed() < APART) {
                sleep(wake.after.min(MEANWHILE)).await;
                return Continuity::Unwatched;
            }
            self.link = Some(Box::pin(ended(Arc::clone(node))));
            self.begun = Some(Instant::now());
        }
        let Some(link) = &mut self.link else { return Continuity::Unwatched };
        tokio::select! {
            biased;
            () = link => {
                self.link = None;
                return Continuity::Broken;
            }
            () = sleep(wake.after) => {}
            _ = known.changed() => {}
        }
        let made = self.begun.is_some_and(|begun| begun.elapsed() > MADE);
        if made { Continuity::Unbroken } else { Continuity::Unwatched }
    }
}

/// Ends when a connection to the server ends or cannot be made.
async fn ended(node: Arc<dyn Node>) {
    while let Ok(false) = node.connection_ended(SPAN).await {}
}
