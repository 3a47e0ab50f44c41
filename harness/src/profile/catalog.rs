//! The profiles built into the binary, and what `--hw` resolves to.

use std::io::Read;
use std::path::Path;

use super::{Class, Profile, ProfileError};

/// `(path shown, text)` of every `profiles/**/*.toml`, listed by `build.rs`.
const TEXTS: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/profiles.rs"));

/// A profile file is some kilobytes; a longer one is a mistake (a device, an image), not worth reading.
const MAX_BYTES: u64 = 1 << 20;

/// A profile with the hash of the text that it was read from, which goes into every record.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The machine.
    pub profile: Profile,
    /// [`Profile::hash`] of its text.
    pub hash: String,
}

impl Loaded {
    /// Checks a profile's text; `path_shown` is what messages call it.
    ///
    /// # Errors
    /// Those of [`Profile::parse`].
    pub fn parse(path_shown: &str, text: &str) -> Result<Self, ProfileError> {
        Ok(Self { profile: Profile::parse(path_shown, text)?, hash: Profile::hash(text) })
    }

    /// Reads and checks a profile file.
    ///
    /// # Errors
    /// [`ProfileError::Unreadable`] where the file cannot be read, else those of [`Profile::parse`].
    pub fn load(path: &Path) -> Result<Self, ProfileError> {
        let shown = path.display().to_string();
        let mut bytes = Vec::new();
        std::fs::File::open(path)
            .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
            .map_err(|e| ProfileError::Unreadable { path: shown.clone(), reason: e.to_string() })?;
        if bytes.len() as u64 > MAX_BYTES {
            let reason = format!("longer than {MAX_BYTES} bytes, so no profile");
            return Err(ProfileError::Malformed { path: shown, reason });
        }
        match String::from_utf8(bytes) {
            Ok(text) => Self::parse(&shown, &text),
            Err(_) => Err(ProfileError::Malformed { path: shown, reason: "not UTF-8 text".into() }),
        }
    }
}

impl Profile {
    /// Reads and checks a profile file; [`Loaded::load`] also gives the hash.
    ///
    /// # Errors
    /// Those of [`Loaded::load`].
    pub fn load(path: &Path) -> Result<Self, ProfileError> {
        Loaded::load(path).map(|loaded| loaded.profile)
    }

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

/// The profiles built into the binary, oldest machine first (by year, then id).
///
/// # Errors
/// The first built-in profile that is wrong; a test of this crate keeps that from being released.
pub fn embedded() -> Result<Vec<Loaded>, ProfileError> {
    let mut all = TEXTS
        .iter()
        .map(|(path, text)| {
            let loaded = Loaded::parse(path, text)?;
            if Path::new(path).file_stem().is_some_and(|stem| *stem == *loaded.profile.id) {
                return Ok(loaded);
            }
            let reason = format!("'{}' is not the file's name without .toml", loaded.profile.id);
            Err(ProfileError::Figure { path: (*path).into(), key: "id".into(), reason })
        })
        .collect::<Result<Vec<_>, _>>()?;
    all.sort_by(|a, b| (a.profile.year, &a.profile.id).cmp(&(b.profile.year, &b.profile.id)));
    Ok(all)
}

/// One profile, by the id of a built-in one or by the path of a file (anything with a `/` or ending in `.toml`).
///
/// # Errors
/// [`ProfileError::Unknown`] where no built-in profile has that id, else those of [`Loaded::load`].
pub fn find(id_or_path: &str) -> Result<Loaded, ProfileError> {
    let path = Path::new(id_or_path);
    if id_or_path.contains(['/', '\\']) || path.extension().is_some_and(|e| e == "toml") {
        return Loaded::load(path);
    }
    let unknown = || ProfileError::Unknown { id: one_line(id_or_path) };
    embedded()?.into_iter().find(|loaded| loaded.profile.id == id_or_path).ok_or_else(unknown)
}

/// What `--hw` names: ids, `all`, `class:retro` and paths of files, with commas between them. Each profile comes once, in
/// the order named; `all` and classes come oldest first. A path with a comma in it cannot be named.
///
/// # Errors
/// [`ProfileError::Unknown`] for a name or class that selects nothing, else those of [`find`].
pub fn select(hw: &str) -> Result<Vec<Loaded>, ProfileError> {
    let mut chosen: Vec<Loaded> = Vec::new();
    for name in hw.split(',').map(str::trim) {
        let found = if name == "all" {
            embedded()?
        } else if let Some(class) = name.strip_prefix("class:") {
            embedded()?.into_iter().filter(|loaded| loaded.profile.class.as_str() == class).collect()
        } else {
            vec![find(name)?]
        };
        if found.is_empty() {
            return Err(ProfileError::Unknown { id: one_line(name) });
        }
        for loaded in found {
            if !chosen.contains(&loaded) {
                chosen.push(loaded);
            }
        }
    }
    Ok(chosen)
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
