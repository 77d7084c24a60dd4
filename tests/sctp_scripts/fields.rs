//! The text of a chunk's fields as values: `flgs=BE, len=116, gaps=[2:2], STATE_COOKIE[len=..., val=...]`.

/// One value of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// `...`: anything.
    Any,
    /// A number, decimal or hexadecimal.
    Number(u64),
    /// `a:b`
    Pair(u64, u64),
    /// A bare word.
    Word(String),
    /// A quoted text, or something else without structure (an address).
    Text(String),
    /// `[..]`
    List(Vec<Item>),
    /// `{..}`
    Tuple(Vec<Item>),
    /// `NAME[..]`
    Named(String, Vec<Item>),
}

/// A value, with its key if it has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) key: Option<String>,
    pub(crate) value: Value,
}

/// The items of a comma-separated text.
pub(crate) fn parse(text: &str) -> Vec<Item> {
    let mut parser = Parser { rest: text.trim() };
    let items = parser.items();
    assert!(parser.rest.is_empty(), "{text:?} is not understood from {:?} on", parser.rest);
    items
}

/// The value of a key; `Any` if it is not there.
pub(crate) fn get<'i>(items: &'i [Item], key: &str) -> &'i Value {
    let found = items.iter().find(|item| item.key.as_deref() == Some(key));
    found.map_or(&Value::Any, |item| &item.value)
}

/// The number under a key, if one is given.
pub(crate) fn number(items: &[Item], key: &str) -> Option<u64> {
    if let Value::Number(number) = get(items, key) { Some(*number) } else { None }
}

/// The parameters, causes or chunks among the items.
pub(crate) fn named(items: &[Item]) -> impl Iterator<Item = (&str, &[Item])> {
    items.iter().filter_map(|item| {
        if let Value::Named(name, fields) = &item.value {
            Some((name.as_str(), fields.as_slice()))
        } else {
            None
        }
    })
}

/// The bytes of a list of numbers.
pub(crate) fn bytes(value: &Value) -> Option<Vec<u8>> {
    let Value::List(items) = value else { return None };
    let byte =
        |item: &Item| if let Value::Number(byte) = item.value { u8::try_from(byte).ok() } else { None };
    items.iter().map(byte).collect()
}

struct Parser<'t> {
    rest: &'t str,
}

impl<'t> Parser<'t> {
    fn eat(&mut self, prefix: &str) -> bool {
        let Some(rest) = self.rest.strip_prefix(prefix) else { return false };
        self.rest = rest.trim_start();
        true
    }

    /// Everything up to one of the ends.
    fn until(&mut self, ends: &[char]) -> &'t str {
        let (text, rest) = self.rest.split_at(self.rest.find(ends).unwrap_or(self.rest.len()));
        self.rest = rest.trim_start();
        text.trim()
    }

    fn items(&mut self) -> Vec<Item> {
        let mut items = Vec::new();
        while !self.rest.is_empty() && !self.rest.starts_with([']', '}']) {
            items.push(self.item());
            if !self.eat(",") {
                break;
            }
        }
        items
    }

    fn item(&mut self) -> Item {
        let key_len = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(0);
        let (key, after) = self.rest.split_at(key_len);
        if !key.is_empty()
            && let Some(rest) = after.strip_prefix('=')
        {
            self.rest = rest.trim_start();
            return Item { key: Some(key.to_owned()), value: self.value() };
        }
        Item { key: None, value: self.value() }
    }

    fn value(&mut self) -> Value {
        if self.eat("...") {
            return Value::Any;
        }
        if self.eat("[") {
            let items = self.items();
            assert!(self.eat("]"), "a list without an end before {:?}", self.rest);
            return Value::List(items);
        }
        if self.eat("{") {
            let items = self.items();
            assert!(self.eat("}"), "a tuple without an end before {:?}", self.rest);
            return Value::Tuple(items);
        }
        if self.eat("\"") {
            let text = self.until(&['"']);
            assert!(self.eat("\""), "a text without an end");
            return Value::Text(text.to_owned());
        }
        let word = self.until(&[',', '[', ']', '}']);
        if self.eat("[") {
            let items = self.items();
            assert!(self.eat("]"), "{word} without an end before {:?}", self.rest);
            return Value::Named(word.to_owned(), items);
        }
        scalar(word)
    }
}

fn scalar(word: &str) -> Value {
    if let Some(number) = integer(word) {
        return Value::Number(number);
    }
    if let Some((a, b)) = word.split_once(':')
        && let (Some(a), Some(b)) = (integer(a), integer(b))
    {
        return Value::Pair(a, b);
    }
    let is_word = word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if is_word { Value::Word(word.to_owned()) } else { Value::Text(word.to_owned()) }
}

fn integer(word: &str) -> Option<u64> {
    match word.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => word.parse().ok(),
    }
}
