//! The profiles built into the binary, and what `--hw` resolves to. Machines come in kinds, each with a type of its own;
//! what is said here once holds for every kind.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

use super::parse::malformed;
use super::{Class, Emulated, GpuProfile, Profile, ProfileError};

/// A profile file is some kilobytes; a longer one is a mistake (a device, an image), not worth reading.
const MAX_BYTES: u64 = 1 << 20;

/// A kind of machine that profiles describe.
pub trait Sheet: Clone + PartialEq {
    /// `(path shown, text)` of the built-in ones, listed by `build.rs`.
    const BUILT_IN: &'static [(&'static str, &'static str)];
    /// What `kind = "..."` says in files of this kind; none where they do not have that key.
    const KIND: Option<&'static str>;
    /// Reads and checks a text; `path_shown` is what messages call it.
    ///
    /// # Errors
    /// [`ProfileError::Malformed`] or [`ProfileError::Figure`].
    fn parse(path_shown: &str, text: &str) -> Result<Self, ProfileError>;
    /// What `--hw` takes.
    fn id(&self) -> &str;
    /// What `--hw class:...` takes.
    fn class(&self) -> &str;
    /// Year of introduction.
    fn year(&self) -> u16;
    /// Full name for people.
    fn name(&self) -> &str;
    /// The text that [`Sheet::parse`] reads back to the same value.
    fn to_toml(&self) -> String;
}

impl Sheet for Profile {
    const BUILT_IN: &'static [(&'static str, &'static str)] = include!(concat!(env!("OUT_DIR"), "/profiles.rs"));
    const KIND: Option<&'static str> = None;

    fn parse(path_shown: &str, text: &str) -> Result<Self, ProfileError> {
        Profile::parse(path_shown, text)
    }
    fn id(&self) -> &str {
        &self.id
    }
    fn class(&self) -> &str {
        self.class.as_str()
    }
    fn year(&self) -> u16 {
        self.year
    }
    fn name(&self) -> &str {
        &self.name
    }
    fn to_toml(&self) -> String {
        Profile::to_toml(self)
    }
}

impl Sheet for GpuProfile {
    const BUILT_IN: &'static [(&'static str, &'static str)] = include!(concat!(env!("OUT_DIR"), "/gpus.rs"));
    const KIND: Option<&'static str> = Some("gpu");

    fn parse(path_shown: &str, text: &str) -> Result<Self, ProfileError> {
        GpuProfile::parse(path_shown, text)
    }
    fn id(&self) -> &str {
        &self.id
    }
    fn class(&self) -> &str {
        "gpu"
    }
    fn year(&self) -> u16 {
        self.year
    }
    fn name(&self) -> &str {
        &self.name
    }
    fn to_toml(&self) -> String {
        GpuProfile::to_toml(self)
    }
}

/// A profile with the hash of the text that it was read from, which goes into every record.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded<P = Profile> {
    /// The machine.
    pub profile: P,
    /// [`Profile::hash`] of its text.
    pub hash: String,
}

impl<P: Sheet> Loaded<P> {
    /// Checks a profile's text; `path_shown` is what messages call it.
    ///
    /// # Errors
    /// Those of [`Sheet::parse`].
    pub fn parse(path_shown: &str, text: &str) -> Result<Self, ProfileError> {
        let kind = kind_of(path_shown, text)?;
        if kind.as_deref() != P::KIND {
            let (is, wanted) = (kind_name(kind.as_deref()), kind_name(P::KIND));
            let reason = format!("it is of a {is}, and a {wanted} is wanted here");
            return Err(ProfileError::Malformed { path: one_line(path_shown), reason });
        }
        Ok(Self { profile: P::parse(path_shown, text)?, hash: Profile::hash(text) })
    }

    /// The same of a file, whose name is the profile's id.
    fn parse_file(path: &Path, text: &str) -> Result<Self, ProfileError> {
        let shown = path.display().to_string();
        let loaded = Self::parse(&shown, text)?;
        let is_toml = path.extension().is_some_and(|e| e == "toml");
        if !is_toml || path.file_stem().is_some_and(|stem| *stem == *loaded.profile.id()) {
            return Ok(loaded);
        }
        let reason = format!("'{}' is not the file's name without .toml", loaded.profile.id());
        Err(ProfileError::Figure { path: one_line(&shown), key: "id".into(), reason })
    }

    /// Reads and checks a profile file.
    ///
    /// # Errors
    /// [`ProfileError::Unreadable`] where the file cannot be read, else those of [`Sheet::parse`].
    pub fn load(path: &Path) -> Result<Self, ProfileError> {
        Self::parse_file(path, &text_of(path)?)
    }

    /// The built-in profiles of this kind, oldest machine first (by year, then id).
    ///
    /// # Errors
    /// The first built-in profile that is wrong; a test of this crate keeps that from being released.
    pub fn embedded() -> Result<Vec<Self>, ProfileError> {
        let mut all = P::BUILT_IN
            .iter()
            .map(|(path, text)| Self::parse_file(Path::new(path), text))
            .collect::<Result<Vec<_>, _>>()?;
        all.sort_by(|a, b| (a.profile.year(), a.profile.id()).cmp(&(b.profile.year(), b.profile.id())));
        Ok(all)
    }
}

impl Profile {
    /// Short content hash of a profile's text (FNV-1a, 64 bits, hexadecimal). Carriage returns do not count, so that a
    /// checkout with other line ends has the same hash.
    pub fn hash(text: &str) -> String {
        let hash = text
            .bytes()
            .filter(|&b| b != b'\r')
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
        format!("{hash:016x}")
    }
}

/// Machines of every kind.
#[derive(Clone, Debug, Default)]
pub struct Hardware {
    /// Processors, for the timed machine.
    pub cpus: Vec<Loaded<Profile>>,
    /// Graphics processors.
    pub gpus: Vec<Loaded<GpuProfile>>,
    /// Consoles and home computers whose machine code is emulated.
    pub emulated: Vec<Loaded<Emulated>>,
}

/// `$each!(field)` for every kind: where a new kind is added, beside the field itself.
macro_rules! for_each_kind {
    ($each:ident) => {
        $each!(cpus);
        $each!(gpus);
        $each!(emulated);
    };
}

impl Hardware {
    /// Every built-in profile, oldest machine first within a kind.
    ///
    /// # Errors
    /// Those of [`Loaded::embedded`].
    pub fn built_in() -> Result<Self, ProfileError> {
        let mut all = Self::default();
        macro_rules! fill {
            ($kind:ident) => {
                all.$kind = Loaded::embedded()?;
            };
        }
        for_each_kind!(fill);
        Ok(all)
    }

    /// What `--hw` names: ids, `all`, `class:retro` and paths of files, with commas between them. Each profile comes once,
    /// in the order named; `all` and classes come oldest first. A path with a comma in it cannot be named.
    ///
    /// # Errors
    /// [`ProfileError::Unknown`] for a name or class that selects nothing, [`ProfileError::Twice`] for two different machines
    /// with one id, else those of [`Loaded::load`].
    pub fn select(hw: &str) -> Result<Self, ProfileError> {
        let mut chosen = Self::default();
        for name in hw.split(',').map(str::trim) {
            let found = Self::named(name)?;
            if found.is_empty() {
                return Err(ProfileError::Unknown { id: one_line(name) });
            }
            chosen.append(found);
        }
        match chosen.id_twice() {
            Some(id) => Err(ProfileError::Twice { id }),
            None => Ok(chosen),
        }
    }

    /// An id that two of them have: their records would be taken for those of one machine.
    fn id_twice(&self) -> Option<String> {
        let mut seen = BTreeSet::new();
        self.ids().find(|id| !seen.insert(*id)).map(str::to_owned)
    }

    /// Their ids, by kind.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        let cpus = self.cpus.iter().map(|l| l.profile.id());
        let others = self.gpus.iter().map(|l| l.profile.id()).chain(self.emulated.iter().map(|l| l.profile.id()));
        cpus.chain(others)
    }

    /// Number of machines.
    pub fn len(&self) -> usize {
        let mut sum = 0;
        macro_rules! count {
            ($kind:ident) => {
                sum += self.$kind.len();
            };
        }
        for_each_kind!(count);
        sum
    }

    /// True where no machine was chosen.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Machines by one name of a list.
    fn named(name: &str) -> Result<Self, ProfileError> {
        if is_path(name) {
            return Self::load(Path::new(name));
        }
        let mut found = Self::built_in()?;
        macro_rules! keep {
            ($kind:ident) => {
                found.$kind.retain(|l| match name.strip_prefix("class:") {
                    Some(class) => l.profile.class() == class,
                    None => name == "all" || l.profile.id() == name,
                });
            };
        }
        for_each_kind!(keep);
        Ok(found)
    }

    /// A file's machine, of the kind that its `kind` says.
    ///
    /// # Errors
    /// Those of [`Loaded::load`], and for a kind that is none.
    pub fn load(path: &Path) -> Result<Self, ProfileError> {
        let (shown, text) = (path.display().to_string(), text_of(path)?);
        let kind = kind_of(&shown, &text)?;
        let mut found = Self::default();
        macro_rules! read {
            ($kind:ident) => {
                if is_of(&found.$kind, kind.as_deref()) {
                    found.$kind.push(Loaded::parse_file(path, &text)?);
                }
            };
        }
        for_each_kind!(read);
        match kind {
            Some(kind) if found.is_empty() => Err(ProfileError::Malformed {
                path: shown,
                reason: format!("no kind of machine is '{}'", one_line(&kind)),
            }),
            _ => Ok(found),
        }
    }

    /// Adds what is not there yet; machines with one id stay apart by their hash.
    pub fn append(&mut self, more: Self) {
        macro_rules! add {
            ($kind:ident) => {
                for loaded in more.$kind {
                    if !self.$kind.contains(&loaded) {
                        self.$kind.push(loaded);
                    }
                }
            };
        }
        for_each_kind!(add);
    }
}

/// Whether a list is of machines of this kind.
fn is_of<P: Sheet>(_: &[Loaded<P>], kind: Option<&str>) -> bool {
    P::KIND == kind
}

/// What a profile's text says it is of; none for a processor.
fn kind_of(path_shown: &str, text: &str) -> Result<Option<String>, ProfileError> {
    let table: toml::Table = text.parse().map_err(|e| malformed(path_shown, text, &e))?;
    let fail = |reason: &str| ProfileError::Malformed { path: one_line(path_shown), reason: reason.into() };
    match table.get("kind") {
        Some(kind) => kind.as_str().map(|kind| Some(kind.to_owned())).ok_or_else(|| fail("kind is no text")),
        None if table.contains_key("generation") => Err(fail("kind = \"gpu\" is missing")),
        None if table.contains_key("console") => Err(fail("kind = \"emulated\" is missing")),
        None => Ok(None),
    }
}

/// A kind for people.
fn kind_name(kind: Option<&str>) -> String {
    match kind {
        None => "processor".into(),
        Some("gpu") => "GPU".into(),
        Some("emulated") => "machine that is emulated".into(),
        Some(other) => format!("machine of kind '{}'", one_line(other)),
    }
}

/// True for what names a file: anything with a `/` or ending in `.toml`.
fn is_path(name: &str) -> bool {
    name.contains(['/', '\\']) || Path::new(name).extension().is_some_and(|e| e == "toml")
}

/// A file's text.
fn text_of(path: &Path) -> Result<String, ProfileError> {
    let shown = path.display().to_string();
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|e| ProfileError::Unreadable { path: shown.clone(), reason: e.to_string() })?;
    if bytes.len() as u64 > MAX_BYTES {
        let reason = format!("longer than {MAX_BYTES} bytes, so no profile");
        return Err(ProfileError::Malformed { path: shown, reason });
    }
    String::from_utf8(bytes).map_err(|_| ProfileError::Malformed { path: shown, reason: "not UTF-8 text".into() })
}

/// The processors built into the binary, oldest first.
///
/// # Errors
/// Those of [`Loaded::embedded`].
pub fn embedded() -> Result<Vec<Loaded>, ProfileError> {
    Loaded::embedded()
}

/// One processor, by the id of a built-in one or by the path of a file (anything with a `/` or ending in `.toml`).
///
/// # Errors
/// [`ProfileError::Unknown`] where no built-in processor has that id, else those of [`Loaded::load`].
pub fn find(id_or_path: &str) -> Result<Loaded, ProfileError> {
    if is_path(id_or_path) {
        return Loaded::load(Path::new(id_or_path));
    }
    let unknown = || ProfileError::Unknown { id: one_line(id_or_path) };
    embedded()?.into_iter().find(|loaded| loaded.profile.id == id_or_path).ok_or_else(unknown)
}

impl Class {
    /// The class as `--hw class:...` and the TOML spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retro => "retro",
            Self::Cpu => "cpu",
            Self::Sbc => "sbc",
            Self::Apple => "apple",
            Self::Host => "host",
        }
    }
}

/// Messages are one line each, whatever was typed.
pub(super) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
