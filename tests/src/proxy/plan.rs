//! The calls a proxy has seen, and what it does at one of them.

use std::fmt;

use super::Mode;
use super::http::Message;

/// One call that came through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// `METHOD /path`, without the query.
    pub name: String,
    /// Path and query.
    pub target: String,
    /// Status of the server's answer, `None` while there is none.
    pub status: Option<u16>,
}

/// When a trap acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The request was read and the server has not seen it.
    BeforeForwarding,
    /// The server has answered and the client has not seen it.
    BeforeAnswering,
    /// The client's side has the answer.
    AfterAnswering,
}

/// What becomes of the connection after a trap has acted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Nothing: the call goes on.
    GoOn,
    /// It is reset.
    Reset,
    /// It stays open in silence.
    Hang,
}

type Choice = Box<dyn FnMut(usize, &Call) -> bool + Send>;

/// Something to do at one call, once. The deed runs before anything more passes.
pub struct Trap {
    chosen: Choice,
    moment: Moment,
    deed: Box<dyn FnOnce() -> Action + Send>,
}

impl Trap {
    /// At the call with this number, counted from 0 over all of the proxy's calls.
    pub fn at(number: usize, moment: Moment, deed: impl FnOnce() -> Action + Send + 'static) -> Self {
        Self { chosen: Box::new(move |seen, _| seen == number), moment, deed: Box::new(deed) }
    }

    /// At the next call whose name (`PUT /v1/sys/init`) contains `part`.
    pub fn on(part: &str, moment: Moment, deed: impl FnOnce() -> Action + Send + 'static) -> Self {
        let part = part.to_owned();
        Self { chosen: Box::new(move |_, call| call.name.contains(&part)), moment, deed: Box::new(deed) }
    }
}

impl Trap {
    /// At the call with this number among those whose name contains `part`, counted from 0 from now on.
    pub fn nth(part: &str, number: usize, moment: Moment, deed: impl FnOnce() -> Action + Send + 'static) -> Self {
        let (part, mut seen) = (part.to_owned(), 0);
        let chosen = move |_, call: &Call| {
            let named = call.name.contains(&part);
            seen += usize::from(named);
            named && seen == number + 1
        };
        Self { chosen: Box::new(chosen), moment, deed: Box::new(deed) }
    }
}

impl fmt::Debug for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trap").field("moment", &self.moment).finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
pub(super) struct Plan {
    calls: Vec<Call>,
    traps: Vec<Trap>,
    /// First call, whether the later ones suffer too, and what.
    fault: Option<(usize, Lasting, Mode)>,
}

/// How long a fault lasts that begins at one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lasting {
    /// That call alone.
    OneCall,
    /// That call and all later ones, until [`Proxy::set`](super::Proxy::set).
    FromThenOn,
}

impl Plan {
    pub(super) fn break_at(&mut self, fault: Option<(usize, Lasting, Mode)>) {
        self.fault = fault;
    }

    /// What the call with this number suffers beyond what all suffer.
    pub(super) fn fault(&self, number: usize) -> Option<Mode> {
        let (first, lasting, mode) = self.fault?;
        (number == first || (lasting == Lasting::FromThenOn && number > first)).then_some(mode)
    }

    pub(super) fn lay(&mut self, trap: Trap) {
        self.traps.push(trap);
    }

    pub(super) fn calls(&self) -> &[Call] {
        &self.calls
    }

    pub(super) fn sprung(&self) -> bool {
        self.traps.is_empty()
    }

    /// Notes a call and takes out the traps it springs.
    pub(super) fn record(&mut self, request: &Message) -> Sprung {
        let call = Call { name: request.call(), target: request.target().to_owned(), status: None };
        let number = self.calls.len();
        let traps = self.traps.extract_if(.., |trap| (trap.chosen)(number, &call)).collect();
        self.calls.push(call);
        Sprung { number, traps }
    }

    pub(super) fn answered(&mut self, number: usize, status: u16) {
        self.calls[number].status = Some(status);
    }
}

/// The traps that one call has sprung.
#[derive(Debug)]
pub(super) struct Sprung {
    number: usize,
    traps: Vec<Trap>,
}

impl Sprung {
    pub(super) fn number(&self) -> usize {
        self.number
    }

    /// Does what is to be done at `moment`: `None` where nothing was, or where the call goes on.
    pub(super) fn act(&mut self, moment: Moment) -> Option<Action> {
        let due: Vec<Trap> = self.traps.extract_if(.., |trap| trap.moment == moment).collect();
        due.into_iter().map(|trap| (trap.deed)()).find(|action| *action != Action::GoOn)
    }
}
