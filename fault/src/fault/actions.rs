//! Actions: the outcome of each action of one request.

use std::borrow::Cow;
use std::sync::Arc;

use crate::report::event::{Action, SkipReason};

/// The actions that were drawn for one request, each with its state.
pub(crate) struct Actions {
    list: Arc<[Action]>,
    states: Vec<ActionState>,
    /// Why the first of the skipped ones was.
    skipped: Option<SkipReason>,
}

/// The state of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ActionState {
    Planned,
    /// The response decides about it.
    Pending,
    Done,
    Skipped,
}

impl Actions {
    pub(crate) fn new(list: Vec<Action>) -> Self {
        Self { states: vec![ActionState::Planned; list.len()], list: list.into(), skipped: None }
    }

    /// Returns the actions, whatever their state.
    pub(crate) fn all(&self) -> &[Action] {
        &self.list
    }

    pub(crate) fn len(&self) -> usize {
        self.states.len()
    }

    pub(crate) fn is(&self, index: usize, state: ActionState) -> bool {
        self.states.get(index) == Some(&state)
    }

    pub(crate) fn set(&mut self, index: usize, state: ActionState) {
        if let Some(of) = self.states.get_mut(index) {
            *of = state;
        }
    }

    pub(crate) fn set_all(&mut self, state: ActionState) {
        self.states.fill(state);
    }

    pub(crate) fn skip(&mut self, index: usize, reason: SkipReason) {
        self.set(index, ActionState::Skipped);
        self.skipped.get_or_insert(reason);
    }

    /// Returns why an action was skipped, unless another one was done.
    pub(crate) fn skip_reason(&self) -> Option<SkipReason> {
        self.skipped.filter(|_| !self.is_done())
    }

    /// Tests whether an action was done.
    pub(crate) fn is_done(&self) -> bool {
        self.states.contains(&ActionState::Done)
    }

    /// Tests whether the response decides about an action.
    pub(crate) fn has_pending(&self) -> bool {
        self.states.contains(&ActionState::Pending)
    }

    /// Returns the last action that was done.
    pub(crate) fn last_done(&self) -> Option<usize> {
        self.states.iter().rposition(|state| *state == ActionState::Done)
    }

    /// Returns the actions that were done.
    pub(crate) fn done(&self) -> Arc<[Action]> {
        match self.select(0, self.len(), &[ActionState::Done]) {
            Cow::Borrowed(_) => self.list.clone(),
            Cow::Owned(actions) => actions.into(),
        }
    }

    /// Returns the actions of a part that were begun.
    pub(crate) fn begun(&self, from: usize, to: usize) -> Cow<'_, [Action]> {
        self.select(from, to, &[ActionState::Pending, ActionState::Done])
    }

    fn select(&self, from: usize, to: usize, states: &[ActionState]) -> Cow<'_, [Action]> {
        let (list, of) = (&self.list[from..to], &self.states[from..to]);
        if of.iter().all(|state| states.contains(state)) {
            return Cow::Borrowed(list);
        }
        let selected = list.iter().zip(of).filter(|(_, state)| states.contains(state));
        selected.map(|(action, _)| action.clone()).collect()
    }
}
