//! What would be done, in words.

use std::path::Path;

use super::Init;
use crate::init::decision::{GiveUp, Step};
use crate::store::view::StoreView;
use crate::vault::Node as _;

impl Init<'_> {
    pub(super) fn steps(&self, step: &Step, view: &StoreView) -> Vec<String> {
        let mut steps = Vec::new();
        match step {
            Step::NothingToDo(generation) => {
                steps.push(format!("nothing: generation {generation} is stored, proven and closed"));
            }
            Step::Begin { give_up } => {
                steps.extend(give_up.iter().map(|write| match write {
                    GiveUp::Close(intent) => format!("close intent {intent}"),
                    GiveUp::Abandon(generation) => format!("mark generation {generation} abandoned"),
                }));
                steps.push(format!("write intent {}", view.next_intent.unwrap_or_default()));
                steps.extend(self.sending_steps(view));
            }
            Step::SendUnder(intent) => {
                steps.push(format!("go on under intent {intent}"));
                steps.extend(self.sending_steps(view));
            }
            Step::Publish(intent) => {
                steps.push(format!("open the sealed copy of intent {intent}, store it, read it back, compare"));
                steps.extend(Self::closing_steps());
            }
            Step::StoreCopy(intent) => {
                steps.push(format!("open the sealed copy of intent {intent}, store it, read it back, compare"));
                steps.push("stop there, unless the server finds its data and is initialised then".to_owned());
            }
            Step::Finish { intent, generation } => {
                steps.push(format!("open the stored generation {generation} of intent {intent}"));
                steps.extend(Self::closing_steps());
            }
        }
        steps
    }

    pub(super) fn sending_steps(&self, view: &StoreView) -> Vec<String> {
        let address = self.session.nodes.first().map(|node| node.address().to_owned()).unwrap_or_default();
        let (shares, threshold) = (self.options.shares, self.options.threshold);
        let generation = view.next_generation.unwrap_or_default();
        let mut steps = vec![
            format!("initialise {address} with {shares} shares, threshold {threshold}"),
            format!(
                "seal the answer into {}",
                self.session.settings.state_dir.as_deref().unwrap_or(Path::new("")).display()
            ),
            format!("store generation {generation}, read it back, open it, compare"),
        ];
        steps.extend(Self::closing_steps());
        steps
    }

    pub(super) fn closing_steps() -> Vec<String> {
        [
            "unseal with what was read back (or drill where it is open)",
            "mark it proven",
            "see to the root token",
            "close the intent",
        ]
        .map(str::to_owned)
        .to_vec()
    }
}
