//! Statements, symbols and the two passes. The first finds where everything lies, the second makes the bytes; a symbol
//! that lies elsewhere in the second is an error.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::block::{Line, Source, body, lines, otherwise, without_comment};
use super::expression::{Lookup, Value, evaluate};
use super::lex::{Token, tokens, word_begins};
use super::operand::{Context, Operand};
use super::{AsmError, Assembled, Encoder, Segment};

/// Lines that one pass may run through: a source that repeats itself without end is refused.
const MOST_STATEMENTS: usize = 4_000_000;
/// How deep macros may call each other.
const MOST_DEPTH: usize = 64;

/// See [`super::assemble`].
pub fn assemble(sources: &[Source], encoder: &dyn Encoder) -> Result<Assembled, AsmError> {
    let lines = lines(sources);
    let mut symbols = HashMap::new();
    for last_pass in [false, true] {
        let mut pass = Pass {
            encoder,
            last_pass,
            symbols: std::mem::take(&mut symbols),
            defined: HashSet::new(),
            global: String::new(),
            scopes: Vec::new(),
            scopes_made: 0,
            variables: Vec::new(),
            macros: HashMap::new(),
            address: 0,
            segments: Vec::new(),
            statements: 0,
            at: (0, 0),
        };
        let ran = pass.block(&lines).and_then(|()| if last_pass { pass.finish() } else { Ok(None) });
        match ran {
            Ok(Some(assembled)) => return Ok(assembled),
            Ok(None) => symbols = pass.symbols,
            Err(message) => {
                let (source, line) = pass.at;
                return Err(AsmError { file: sources[source].file.clone(), line, message });
            }
        }
    }
    unreachable!("the last pass returns")
}

#[derive(Clone, Copy)]
struct Macro<'a, 'b> {
    parameters: &'b str,
    body: &'b [Line<'a>],
}

struct Pass<'a, 'b> {
    encoder: &'a dyn Encoder,
    last_pass: bool,
    /// All symbols of this and of the pass before, local ones by their full name.
    symbols: HashMap<String, i64>,
    /// Those that this pass has met so far.
    defined: HashSet<String>,
    /// The label that local ones belong to.
    global: String,
    /// Numbers of the repetitions and expansions that the statement stands in.
    scopes: Vec<usize>,
    scopes_made: usize,
    /// Counters and arguments, innermost last.
    variables: Vec<(String, String)>,
    macros: HashMap<String, Macro<'a, 'b>>,
    address: i64,
    segments: Vec<Segment>,
    statements: usize,
    /// The statement's source and line.
    at: (usize, usize),
}

impl<'a: 'b, 'b> Lookup for Pass<'a, 'b> {
    fn symbol(&self, name: &str) -> Result<Value, String> {
        match self.variable(name) {
            Some(text) => evaluate(&tokens(text)?, &Outside(self)),
            None => self.defined_symbol(name),
        }
    }

    fn here(&self) -> i64 {
        self.address
    }
}

/// What the text of a counter or an argument may name: no counter or argument, as those were replaced in it.
struct Outside<'p, 'a, 'b>(&'p Pass<'a, 'b>);

impl<'a: 'b, 'b> Lookup for Outside<'_, 'a, 'b> {
    fn symbol(&self, name: &str) -> Result<Value, String> {
        self.0.defined_symbol(name)
    }

    fn here(&self) -> i64 {
        self.0.address
    }
}

impl<'a, 'b> Pass<'a, 'b>
where
    'a: 'b,
{
    /// The text of a counter or an argument.
    fn variable(&self, name: &str) -> Option<&str> {
        self.variables.iter().rev().find(|(variable, _)| variable == name).map(|(_, text)| text.as_str())
    }

    fn defined_symbol(&self, name: &str) -> Result<Value, String> {
        for name in self.full_names(name) {
            if let Some(&number) = self.symbols.get(&name) {
                return Ok(Value { number, forward: !self.defined.contains(&name) });
            }
        }
        if self.last_pass {
            return Err(format!("no symbol is called '{name}'"));
        }
        Ok(Value { number: self.address, forward: true })
    }

    /// What a name may mean, the innermost first.
    fn full_names(&self, name: &str) -> Vec<String> {
        if !name.starts_with('.') {
            return vec![name.to_owned()];
        }
        (0..=self.scopes.len()).rev().map(|depth| self.local_name(name, depth)).collect()
    }

    fn local_name(&self, name: &str, depth: usize) -> String {
        let inside: String = self.scopes[..depth].iter().map(|scope| format!("#{scope}")).collect();
        format!("{}{inside}{name}", self.global)
    }

    fn define(&mut self, name: &str, number: i64) -> Result<(), String> {
        if self.encoder.reserved(&name.to_ascii_lowercase()) {
            return Err(format!("'{name}' is a word of the processor: choose another name"));
        }
        let full = if name.starts_with('.') { self.local_name(name, self.scopes.len()) } else { name.to_owned() };
        if !self.defined.insert(full.clone()) {
            return Err(format!("'{name}' is defined twice"));
        }
        match self.symbols.insert(full, number) {
            Some(before) if self.last_pass && before != number => {
                Err(format!("'{name}' is {before} in the first pass and {number} in the second"))
            }
            _ => Ok(()),
        }
    }

    fn block(&mut self, lines: &'b [Line<'a>]) -> Result<(), String> {
        if self.scopes.len() > MOST_DEPTH {
            return Err(format!("macros call each other more than {MOST_DEPTH} deep"));
        }
        let mut at = 0;
        while let Some(line) = lines.get(at) {
            self.at = (line.source, line.number);
            self.statements += 1;
            if self.statements > MOST_STATEMENTS {
                return Err(format!("more than {MOST_STATEMENTS} statements"));
            }
            let text = self.replaced(line.text)?;
            let mut found = tokens(&text)?;
            self.label(&text, &mut found)?;
            at += 1;
            let Some(Token::Word(word)) = found.first() else {
                match found.first() {
                    None => continue,
                    Some(_) => return Err("a statement begins with a label, an instruction or a directive".to_owned()),
                }
            };
            let word = word.to_ascii_lowercase();
            let end = match word.as_str() {
                "rept" => body(&lines[at..], &["rept"], "endr")?,
                "macro" => body(&lines[at..], &["macro"], "endm")?,
                "if" => body(&lines[at..], &["if"], "endif")?,
                _ => {
                    self.statement(&word, &found[1..])?;
                    continue;
                }
            };
            let inside = &lines[at..at + end];
            at += end + 1;
            match word.as_str() {
                "rept" => self.repeat(&found[1..], inside)?,
                "if" => self.choose(&found[1..], inside)?,
                // Of the line as it is written: parameters are not replaced yet.
                _ => self.define_macro(line.text, inside)?,
            }
        }
        Ok(())
    }

    /// A line with each `{expression}` replaced.
    fn replaced(&self, text: &str) -> Result<String, String> {
        let code = without_comment(text);
        let mut made = String::new();
        let mut rest = code;
        while let Some(open) = rest.find('{') {
            let close = rest.find('}').filter(|&close| close > open).ok_or("'{' without its '}'")?;
            made.push_str(&rest[..open]);
            let name = rest[open + 1..close].trim();
            match self.variable(name) {
                Some(value) => made.push_str(value),
                None => {
                    let value = evaluate(&tokens(name)?, self)?;
                    if value.forward {
                        return Err(format!("{{{name}}} is replaced before it is known: define it above"));
                    }
                    made.push_str(&value.number.to_string());
                }
            }
            rest = &rest[close + 1..];
        }
        made.push_str(rest);
        Ok(made)
    }

    /// Takes a label or a constant off the beginning of a line.
    fn label(&mut self, text: &str, found: &mut Vec<Token>) -> Result<(), String> {
        let Some(Token::Word(name)) = found.first().cloned() else {
            return Ok(());
        };
        let equals = match found.get(1) {
            Some(Token::Sign("=")) => true,
            Some(Token::Word(word)) => word.eq_ignore_ascii_case("equ"),
            _ => false,
        };
        if equals {
            let value = evaluate(&found[2..], self)?;
            found.clear();
            // Known in the first pass as soon as what it names is; by then the second has not begun.
            return if value.forward && !self.last_pass { Ok(()) } else { self.define(&name, value.number) };
        }
        let colon = found.get(1) == Some(&Token::Sign(":"));
        if colon || text.starts_with(word_begins) && !self.is_operation(&name) {
            if !name.starts_with('.') {
                self.global = name.clone();
            }
            self.define(&name, self.address)?;
            found.drain(..if colon { 2 } else { 1 });
        }
        Ok(())
    }

    /// Whether a word in the first column is no label.
    fn is_operation(&self, word: &str) -> bool {
        let word = word.to_ascii_lowercase();
        DIRECTIVES.contains(&word.as_str()) || self.macros.contains_key(&word)
    }

    fn repeat(&mut self, tokens: &[Token], inside: &'b [Line<'a>]) -> Result<(), String> {
        let (count, counter) = match Operand::split(tokens)[..] {
            [count] => (count, None),
            [count, counter] => (count, Some(variable_name(counter)?)),
            _ => return Err("rept count[, counter]".to_owned()),
        };
        let count = self.known(count)?;
        for i in 0..count {
            self.in_scope(counter.iter().map(|name| (name.clone(), i.to_string())).collect(), inside)?;
        }
        Ok(())
    }

    fn choose(&mut self, tokens: &[Token], inside: &'b [Line<'a>]) -> Result<(), String> {
        let [condition] = Operand::split(tokens)[..] else {
            return Err("if condition".to_owned());
        };
        let holds = self.known(condition)? != 0;
        let middle = otherwise(inside);
        match (holds, middle) {
            (true, middle) => self.block(&inside[..middle.unwrap_or(inside.len())]),
            (false, Some(middle)) => self.block(&inside[middle + 1..]),
            (false, None) => Ok(()),
        }
    }

    fn define_macro(&mut self, text: &'b str, inside: &'b [Line<'a>]) -> Result<(), String> {
        let mut words = without_comment(text).trim().splitn(3, char::is_whitespace);
        let (Some(_), Some(name)) = (words.next(), words.next()) else {
            return Err("macro name[ parameter, ...]".to_owned());
        };
        let made = Macro { parameters: words.next().unwrap_or_default(), body: inside };
        match self.macros.insert(name.to_ascii_lowercase(), made) {
            Some(_) => Err(format!("the macro '{name}' is defined twice")),
            None => Ok(()),
        }
    }

    fn expand(&mut self, name: &str, called: Macro<'a, 'b>, tokens: &[Token]) -> Result<(), String> {
        let parameters: Vec<&str> = called.parameters.split(',').map(str::trim).filter(|p| !p.is_empty()).collect();
        let arguments = Operand::split(tokens);
        if parameters.len() != arguments.len() {
            let (want, got) = (parameters.len(), arguments.len());
            return Err(format!("the macro '{name}' takes {want} arguments, {got} given"));
        }
        // The caller's own counters and arguments mean nothing, or something else, inside.
        let token = |token: &Token| match token {
            Token::Word(word) => self.variable(word).map_or_else(|| word.clone(), str::to_owned),
            other => super::expression::shown(other),
        };
        let text = |argument: &Operand<'_>| argument.tokens().iter().map(token).collect::<Vec<_>>().join(" ");
        let variables = parameters.iter().zip(&arguments).map(|(p, a)| ((*p).to_owned(), text(a))).collect();
        let call = self.at;
        self.in_scope(variables, called.body).map_err(|message| {
            // The line of the call, which a person looks for first.
            let (_, inside) = std::mem::replace(&mut self.at, call);
            format!("{message} (line {inside}, in the macro '{name}')")
        })
    }

    fn in_scope(&mut self, variables: Vec<(String, String)>, inside: &'b [Line<'a>]) -> Result<(), String> {
        let before = self.variables.len();
        self.variables.extend(variables);
        self.scopes_made += 1;
        self.scopes.push(self.scopes_made);
        self.block(inside)?;
        self.scopes.pop();
        self.variables.truncate(before);
        Ok(())
    }

    /// A value that decides what follows.
    fn known(&self, operand: Operand<'_>) -> Result<i64, String> {
        let value = evaluate(operand.tokens(), self)?;
        if value.forward { Err("a value that is known only further down".to_owned()) } else { Ok(value.number) }
    }

    fn statement(&mut self, word: &str, rest: &[Token]) -> Result<(), String> {
        let operands = Operand::split(rest);
        if let Some(&called) = self.macros.get(word) {
            return self.expand(word, called, rest);
        }
        match (word, &operands[..]) {
            ("org", [address]) => self.address = self.known(*address)?,
            ("align", [to]) => {
                let to = self.known(*to)?;
                if to <= 0 {
                    return Err(format!("align {to}: a positive number is wanted"));
                }
                self.address = (self.address + to - 1).div_euclid(to) * to;
            }
            ("reserve", [count]) => self.address += self.known(*count)?,
            ("fill", [count]) => self.emit(&vec![0; self.count(*count)?])?,
            ("fill", [count, value]) => {
                let value = self.context().byte(*value)?;
                self.emit(&vec![value; self.count(*count)?])?;
            }
            ("byte", [_, ..]) => self.data(&operands, 1)?,
            ("word", [_, ..]) => self.data(&operands, 2)?,
            ("long", [_, ..]) => self.data(&operands, 4)?,
            ("assert", [condition]) => self.assert(*condition, None)?,
            ("assert", [condition, why]) => self.assert(*condition, why.text())?,
            ("samepage", [a, b]) => {
                let (a, b) = (evaluate(a.tokens(), self)?.number, evaluate(b.tokens(), self)?.number);
                if self.last_pass && a >> 8 != b >> 8 {
                    return Err(format!("${a:04x} and ${b:04x} lie in different pages"));
                }
            }
            ("endr" | "endm" | "endif" | "else", _) => return Err(format!("'{word}' without its beginning")),
            (directive, _) if DIRECTIVES.contains(&directive) => {
                return Err(format!("{directive}: {} operands do not fit", operands.len()));
            }
            _ => {
                let bytes = self.encoder.encode(word, &operands, &self.context())?;
                let bytes = bytes.ok_or_else(|| format!("no instruction, directive or macro is called '{word}'"))?;
                self.emit(&bytes)?;
            }
        }
        Ok(())
    }

    fn context(&self) -> Context<'_> {
        Context { lookup: self, last_pass: self.last_pass }
    }

    fn count(&self, operand: Operand<'_>) -> Result<usize, String> {
        let count = self.known(operand)?;
        usize::try_from(count).map_err(|_| format!("{count} bytes: a count is wanted"))
    }

    fn assert(&self, condition: Operand<'_>, why: Option<&str>) -> Result<(), String> {
        if self.last_pass && evaluate(condition.tokens(), self)?.number == 0 {
            return Err(format!("the assertion does not hold{}", why.map(|w| format!(": {w}")).unwrap_or_default()));
        }
        Ok(())
    }

    fn data(&mut self, operands: &[Operand<'_>], width: u32) -> Result<(), String> {
        let mut bytes = Vec::new();
        for operand in operands {
            if let Some(text) = operand.text().filter(|_| width == 1) {
                bytes.extend(text.bytes());
                continue;
            }
            let most = (1_i64 << (8 * width)) - 1;
            let number = self.context().within(*operand, -(most / 2) - 1, most)?;
            bytes.extend(&number.to_le_bytes()[..width as usize]);
        }
        self.emit(&bytes)
    }

    fn emit(&mut self, bytes: &[u8]) -> Result<(), String> {
        let address = u32::try_from(self.address).map_err(|_| format!("an address of {}", self.address))?;
        self.address += bytes.len() as i64;
        if !self.last_pass || bytes.is_empty() {
            return Ok(());
        }
        match self.segments.last_mut() {
            Some(last) if last.address as usize + last.bytes.len() == address as usize => last.bytes.extend(bytes),
            _ => self.segments.push(Segment { address, bytes: bytes.to_vec() }),
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<Option<Assembled>, String> {
        let mut segments = std::mem::take(&mut self.segments);
        segments.sort_by_key(|s| s.address);
        for pair in segments.windows(2) {
            let end = pair[0].address as usize + pair[0].bytes.len();
            if end > pair[1].address as usize {
                return Err(format!("bytes up to ${end:04x} overlap those from ${:04x} on", pair[1].address));
            }
        }
        let global = |(name, _): &(&String, &i64)| !name.contains('.');
        let symbols: BTreeMap<String, i64> =
            self.symbols.iter().filter(global).map(|(name, number)| (name.clone(), *number)).collect();
        Ok(Some(Assembled { segments, symbols }))
    }
}

/// Words of the assembler itself.
const DIRECTIVES: [&str; 17] = [
    "org", "align", "reserve", "fill", "byte", "word", "long", "assert", "samepage", "rept", "endr", "macro", "endm",
    "if", "else", "endif", "equ",
];

fn variable_name(operand: Operand<'_>) -> Result<String, String> {
    match operand.tokens() {
        [Token::Word(name)] => Ok(name.clone()),
        _ => Err("the counter of a repetition is a name".to_owned()),
    }
}
