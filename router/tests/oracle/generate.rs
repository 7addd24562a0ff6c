//! Small random tables over an alphabet that makes their routes overlap.
//!
//! Drawn from a seed and not from proptest's strategies, whose value trees cost more than the look-ups.

use waylay_router::{
    MethodMiss, MissingHost, OptionsAnswer, PathCleaning, PathForm, Precedence, PrefixMatch, QueryValues,
    TrailingSlash,
};

use crate::dice::Dice;
use crate::model::{Class, Cond, Header, Host, Level, Piece, Query, RouteCase, Rules, ScopeCase, TableCase};
use crate::naive::joined;

/// The native policy, with every setting varied.
pub fn native(dice: &mut Dice, precedence: Precedence) -> Rules {
    Rules {
        gorilla: false,
        precedence,
        form: PathForm::Canonical,
        path_cleaning: [PathCleaning::Reject, PathCleaning::Redirect, PathCleaning::Keep]
            [dice.of(8).saturating_sub(5)],
        // The last variable of a raw prefix is matched decoded: `%2F` ends it natively.
        prefixes: PrefixMatch::Segments,
        slash: slash(dice),
        query: [QueryValues::Any, QueryValues::First][usize::from(dice.once_in(6))],
        missing_host: [MissingHost::Unmatched, MissingHost::Reject][usize::from(dice.once_in(10))],
        options: [OptionsAnswer::Miss, OptionsAnswer::Automatic][usize::from(dice.once_in(10))],
        method_miss: [MethodMiss::MethodNotAllowed, MethodMiss::NotFound][usize::from(dice.once_in(10))],
    }
}

/// The policy of gorilla/mux, with and without the changes of its switches.
pub fn gorilla(dice: &mut Dice) -> Rules {
    Rules {
        gorilla: true,
        form: [PathForm::Decoded, PathForm::Raw][usize::from(dice.once_in(4))],
        path_cleaning: [PathCleaning::Redirect, PathCleaning::Keep][usize::from(dice.once_in(3))],
        prefixes: PrefixMatch::Raw,
        query: QueryValues::First,
        ..native(dice, Precedence::RegistrationOrder)
    }
}

/// The native syntax with the other path forms.
pub fn forms(dice: &mut Dice) -> Rules {
    let form = dice.one(&[PathForm::Decoded, PathForm::Raw]);
    Rules { form, ..native(dice, Precedence::Specificity) }
}

fn slash(dice: &mut Dice) -> TrailingSlash {
    [TrailingSlash::Strict, TrailingSlash::Redirect, TrailingSlash::Ignore][dice.of(6).saturating_sub(3)]
}

/// Draws a table with these rules: up to three scopes, up to ten routes.
pub fn table(dice: &mut Dice, rules: Rules) -> TableCase {
    let mut case = TableCase { rules, scopes: Vec::new(), routes: Vec::new() };
    if dice.once_in(3) {
        // All kinds of one segment against each other.
        for _ in 0..=dice.of(10) {
            let mut names = Names { owner: "r".to_owned(), count: 0 };
            let mut pieces = vec![text("/")];
            pieces.extend(segment(dice, &mut names, rules.gorilla, 6));
            let own = Level { path: Some((pieces, dice.once_in(6))), ..Level::default() };
            case.routes.push(RouteCase { scope: None, priority: 0, build_only: false, own });
        }
        return case;
    }
    for place in 0..dice.of(4) {
        let parent = Some(dice.of(place + 1)).filter(|parent| *parent < place);
        let own = level(dice, &case, parent, true);
        let method_miss = [None, Some(MethodMiss::NotFound), Some(MethodMiss::MethodNotAllowed)];
        let options = [None, Some(OptionsAnswer::Automatic), Some(OptionsAnswer::Miss)];
        case.scopes.push(ScopeCase {
            parent,
            own,
            method_miss: method_miss[dice.of(12).saturating_sub(9)],
            options: options[dice.of(12).saturating_sub(9)],
        });
    }
    for _ in 0..=dice.of(10) {
        // Half of them are in no scope.
        let scope = Some(dice.of(case.scopes.len() * 2 + 1)).filter(|place| *place < case.scopes.len());
        let own = level(dice, &case, scope, false);
        let priority = dice.one(&[0, 0, 0, 0, 0, 0, 0, 0, 1, -1]);
        case.routes.push(RouteCase { scope, priority, build_only: dice.once_in(16), own });
    }
    case
}

/// Names variables, and knows their owners.
struct Names {
    owner: String,
    count: usize,
}

impl Names {
    fn var(&mut self, class: Class) -> Piece {
        self.count += 1;
        Piece::Var(format!("{}{}", self.owner, self.count), class)
    }
}

fn text(text: &str) -> Piece {
    Piece::Text(text.to_owned())
}

fn level(dice: &mut Dice, case: &TableCase, scope: Option<usize>, is_scope: bool) -> Level {
    let owner = if is_scope { format!("s{}_", case.scopes.len()) } else { "r".to_owned() };
    let mut names = Names { owner, count: 0 };
    let gorilla = case.rules.gorilla;
    let mut own = Level::default();
    if !dice.once_in(if is_scope { 4 } else { 14 }) {
        own.path = Some(path(dice, &mut names, gorilla, is_scope));
    }
    let bare = Level::default();
    let outer = scope.map(|_| case.chain(scope, &bare)).unwrap_or_default();
    // An empty path continues another one; after `/` alone it would never match, see the end of `urls.rs`.
    let below = joined(case, &outer, true).flatten();
    let below = below.is_some_and(|(pieces, _)| gorilla || !pieces.is_empty());
    own.path = own.path.filter(|(pieces, _)| below || !pieces.is_empty());
    for _ in 0..dice.one(&[0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 2]) {
        own.hosts.push(host(dice, &mut names, gorilla));
    }
    let methods = if is_scope { usize::from(dice.once_in(8)) } else { dice.of(4) };
    own.methods.extend((0..methods).map(|_| dice.pick(&["GET", "GET", "POST", "HEAD", "PURGE", "OPTIONS"])));
    for _ in 0..dice.one(&[0, 0, 0, 1, 1, 2]) {
        let cond = cond(dice, &mut names, gorilla);
        // Several of these are alternatives of one condition.
        let alone = !matches!(cond, Cond::Header(..) | Cond::Query(..) | Cond::Cookie(..));
        let same = |other: &Cond| std::mem::discriminant(other) == std::mem::discriminant(&cond);
        if !(alone && own.conds.iter().any(same)) {
            own.conds.push(cond);
        }
    }
    own.sealed = dice.once_in(if is_scope { 8 } else { 16 });
    // In gorilla/mux an empty path after a final slash never matches, but its seal has an effect.
    own.sealed &= own.path.as_ref().is_none_or(|(pieces, _)| !pieces.is_empty());
    own
}

fn path(dice: &mut Dice, names: &mut Names, gorilla: bool, is_scope: bool) -> (Vec<Piece>, bool) {
    let mut pieces: Vec<Piece> = Vec::new();
    for _ in 0..=dice.of(if is_scope { 2 } else { 3 }) {
        pieces.push(text("/"));
        pieces.extend(segment(dice, names, gorilla, 0));
    }
    let prefix = match dice.of(17) {
        0..8 => false,
        8 | 9 => {
            pieces.push(text("/"));
            false
        }
        10..13 if is_scope && !gorilla => false,
        ending @ 10..13 => {
            let open = if gorilla { Class::Any } else { Class::Tail };
            if ending == 10 && !gorilla {
                let Piece::Var(name, class) =
                    names.var(dice.one(&[Class::Plain, Class::Digits, Class::Word]))
                else {
                    return (pieces, false);
                };
                pieces.extend([text("/"), Piece::Optional(name, class)]);
                return (pieces, false);
            }
            pieces.extend([text("/"), names.var(if ending == 12 { Class::Spanning } else { open })]);
            false
        }
        13..16 => {
            if dice.once_in(2) {
                pieces.push(text("/"));
            }
            true
        }
        _ if is_scope => {
            pieces = vec![text("/")];
            true
        }
        _ => {
            pieces.clear();
            false
        }
    };
    (pieces, is_scope || prefix)
}

fn class(dice: &mut Dice, gorilla: bool) -> Class {
    let all = [
        Class::Plain,
        Class::Plain,
        Class::Digits,
        Class::Letters,
        Class::Word,
        Class::Any,
        Class::Maybe,
        Class::Spanning,
    ];
    all[dice.of(if gorilla { 8 } else { 5 })]
}

/// Draws the nodes of one segment; `literal` makes literals rarer.
fn segment(dice: &mut Dice, names: &mut Names, gorilla: bool, fewer: usize) -> Vec<Piece> {
    let mut var = |dice: &mut Dice| names.var(class(dice, gorilla));
    let after = ["b", ".x", "0", "9", "F", "!", "-"];
    match fewer + dice.of(18 - fewer) {
        0..8 => match dice.pick(&["a", "a", "b", "ab", "caf\u{e9}", "a b", "x!", "1", "", "a{b"]) {
            "" => Vec::new(),
            "a{b" if gorilla => vec![text("a")],
            literal => vec![text(literal)],
        },
        8..12 => vec![names.var(Class::Plain)],
        12 | 13 => vec![var(dice)],
        14 => vec![text(dice.pick(&["a", "ab", "x-"])), var(dice)],
        15 => vec![var(dice), text(dice.pick(&after))],
        16 => vec![var(dice), text(dice.pick(&after)), var(dice)],
        _ => {
            let [one, two] = [dice.pick(&after), dice.pick(&after)];
            vec![names.var(Class::Plain), text(one), names.var(Class::Plain), text(two)]
        }
    }
}

fn host(dice: &mut Dice, names: &mut Names, gorilla: bool) -> Host {
    let mut var = |class| names.var(class);
    let unnamed = |class| Piece::Var(String::new(), class);
    let pieces = match dice.of(if gorilla { 12 } else { 18 }) {
        12 => vec![unnamed(Class::One), text(".b")],
        13 => vec![unnamed(Class::Many), text(".b")],
        14 => vec![unnamed(if dice.once_in(2) { Class::One } else { Class::Many })],
        15 => vec![var(Class::Tail), text(".b")],
        16 => vec![var(Class::Dotted), text("."), var(Class::Plain)],
        17 => vec![unnamed(Class::Regex)],
        0 => vec![text("a.b")],
        1 => vec![text("b")],
        2 => vec![text("A.b")],
        3 => vec![text("b.")],
        4 => vec![var(Class::Plain), text(".b")],
        5 => vec![var(Class::Digits), text(".b")],
        6 => vec![var(Class::Letters), text(".b")],
        7 => vec![text("a"), var(Class::Plain), text(".b")],
        8 => vec![var(Class::Plain), text("-"), var(Class::Plain), text(".b")],
        9 => vec![var(Class::Plain), text(".a."), var(Class::Plain)],
        10 if gorilla => vec![var(Class::Any), text("b")],
        _ => vec![var(Class::Plain)],
    };
    // A port follows text.
    let open = matches!(pieces.last(), Some(Piece::Var(..))) || pieces == [text("b.")];
    Host { pieces, port: if dice.once_in(8) && !open { Some(80) } else { None } }
}

fn cond(dice: &mut Dice, names: &mut Names, gorilla: bool) -> Cond {
    let some = |dice: &mut Dice, any: &[&'static str]| (0..=dice.of(2)).map(|_| dice.pick(any)).collect();
    match dice.of(23) {
        0 | 1 => Cond::Scheme(some(dice, &["http", "https"])),
        2..7 => {
            let exact = ["1", "2", ""].map(Header::Exact);
            let want = [&[Header::Present, Header::Absent, Header::Regex, Header::All][..], &exact].concat();
            Cond::Header(dice.pick(&["x-a", "X-B"]), dice.one(&want))
        }
        7..13 => Cond::Query(dice.pick(&["q", "q", "k k"]), query(dice, names, gorilla)),
        13..15 => Cond::Cookie(dice.pick(&["sid", "s"]), dice.one(&[None, Some("1"), Some("2")])),
        15..17 => Cond::Client(some(dice, &["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "::/0"])),
        17..19 => Cond::ContentType(some(dice, &["application/json", "text/*"])),
        19..21 => Cond::Accept(some(dice, &["application/json", "text/html"])),
        _ => Cond::Slash(slash(dice)),
    }
}

fn query(dice: &mut Dice, names: &mut Names, gorilla: bool) -> Query {
    let mut var = |dice: &mut Dice| names.var(class(dice, gorilla));
    match dice.of(10) {
        0 => Query::Present,
        1 => Query::Absent,
        2..5 => Query::Exact(dice.pick(&["1", "a b", ""])),
        5 | 6 => Query::Template(vec![var(dice)]),
        7 => Query::Template(vec![text("p"), var(dice)]),
        8 => Query::Template(vec![names.var(Class::Plain), text("-"), names.var(class(dice, gorilla))]),
        _ => Query::Regex,
    }
}
