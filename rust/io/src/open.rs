//! Opens regular files only, and never waits.
//!
//! A pipe, a socket or a device may take the place of a file after it was listed. Opening a pipe waits for a writer, and
//! reading a device may never end. So a file is opened without waiting, and what was opened is checked.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::path::Path;

/// Opens a regular file for reading. Also returns what the system says of it.
///
/// Anything else is an error: a folder, a pipe, a socket, a device.
pub fn open_file(path: &Path) -> io::Result<(File, Metadata)> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK | libc::O_NOCTTY);
    let file = options.open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(io::Error::from(io::ErrorKind::IsADirectory));
    }
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is neither a file nor a folder"));
    }
    Ok((file, metadata))
}

#[cfg(all(test, unix))]
mod tests {
    use std::process::Command;
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn pipes_and_devices_are_refused_at_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        std::fs::write(&file, "text").expect("written");
        assert_eq!(open_file(&file).expect("a file").1.len(), 4);
        let pipe = folder.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success());
        let (sender, receiver) = mpsc::channel();
        for path in [pipe, "/dev/zero".into(), "/dev/tty".into(), folder.path().to_owned()] {
            let sender = sender.clone();
            std::thread::spawn(move || sender.send(open_file(&path).is_err()));
            assert_eq!(receiver.recv_timeout(Duration::from_secs(20)), Ok(true), "it waits");
        }
    }
}
