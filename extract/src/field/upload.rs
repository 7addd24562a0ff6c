//! Upload: a file of a multipart body, in memory or on disk.

use std::io;
use std::path::Path;

use bytes::{Bytes, BytesMut};
use tempfile::{NamedTempFile, TempPath};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Maximum bytes of a file in memory.
const MEMORY: usize = 64 * 1024;

/// A file of a multipart body.
///
/// Up to 64 KiB are stored in memory, a longer file in a temporary file that is removed on drop.
/// The files of a request that is read from memory stay in memory. Name and type come from the client:
/// do not use them as a path, or as a proof of the content.
///
/// ```
/// use http::Request;
/// use waylay_extract::{Extract, Upload};
///
/// #[derive(Debug, Extract)]
/// struct Avatar {
///     #[form]
///     user: u64,
///     #[part(limit = "1MiB")]
///     image: Upload,
/// }
///
/// let body = "--b\r\ncontent-disposition: form-data; name=\"user\"\r\n\r\n7\r\n\
///     --b\r\ncontent-disposition: form-data; name=\"image\"; filename=\"a.png\"\r\n\
///     content-type: image/png\r\n\r\nPNG\r\n--b--\r\n";
/// let (parts, ()) = Request::post("/")
///     .header("content-type", "multipart/form-data; boundary=b")
///     .body(())
///     .unwrap()
///     .into_parts();
/// let avatar = Avatar::extract(&parts, &[], body.into()).unwrap();
/// assert_eq!((avatar.user, avatar.image.len(), avatar.image.file_name()), (7, 3, Some("a.png")));
/// ```
#[derive(Debug)]
pub struct Upload {
    file_name: Option<String>,
    content_type: Option<String>,
    length: u64,
    pub(crate) content: Content,
}

/// Where the bytes are.
#[derive(Debug)]
pub(crate) enum Content {
    Memory(Bytes),
    Disk(TempPath),
}

impl Upload {
    /// Returns a file in memory, for a request that is written.
    ///
    /// ```
    /// use waylay_extract::{IntoRequest, Upload};
    ///
    /// #[derive(IntoRequest)]
    /// #[route(POST "/avatar")]
    /// struct Avatar {
    ///     #[part]
    ///     image: Upload,
    /// }
    ///
    /// let image = Upload::new(Some("a.png"), Some("image/png"), "PNG".into());
    /// let request = Avatar { image }.to_request()?;
    /// let kind = request.headers()["content-type"].to_str().unwrap();
    /// assert!(kind.starts_with("multipart/form-data; boundary="));
    /// # Ok::<(), waylay_extract::WriteError>(())
    /// ```
    pub fn new(file_name: Option<&str>, content_type: Option<&str>, bytes: Bytes) -> Self {
        Self {
            file_name: file_name.map(str::to_owned),
            content_type: content_type.map(str::to_owned),
            length: bytes.len() as u64,
            content: Content::Memory(bytes),
        }
    }

    /// Returns the file name that the client has sent.
    pub fn file_name(&self) -> Option<&str> {
        self.file_name.as_deref()
    }

    /// Returns the content type that the client has sent.
    pub fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }

    /// Returns the length in bytes.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Tests whether the file is empty.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Returns the bytes, if they are in memory.
    pub fn bytes(&self) -> Option<&Bytes> {
        match &self.content {
            Content::Memory(bytes) => Some(bytes),
            Content::Disk(_) => None,
        }
    }

    /// Returns the path of the temporary file, if there is one.
    pub fn path(&self) -> Option<&Path> {
        match &self.content {
            Content::Memory(_) => None,
            Content::Disk(path) => Some(path),
        }
    }

    /// Returns the bytes, which are read from a temporary file if necessary.
    ///
    /// # Errors
    ///
    /// The temporary file cannot be read.
    pub async fn read(&self) -> io::Result<Bytes> {
        match &self.content {
            Content::Memory(bytes) => Ok(bytes.clone()),
            Content::Disk(path) => {
                let mut bytes = Vec::new();
                File::open(path).await?.read_to_end(&mut bytes).await?;
                Ok(bytes.into())
            }
        }
    }

    /// Writes the bytes to a file, which is created or replaced.
    ///
    /// # Errors
    ///
    /// The file cannot be written, or the temporary file cannot be read.
    pub async fn save(&self, to: impl AsRef<Path>) -> io::Result<()> {
        match &self.content {
            Content::Memory(bytes) => tokio::fs::write(to, bytes).await,
            Content::Disk(path) => tokio::fs::copy(path, to).await.map(|_| ()),
        }
    }
}

/// A file that is being received.
pub(crate) struct UploadWriter {
    length: u64,
    memory: BytesMut,
    disk: Option<(File, TempPath)>,
    /// Whether it may be written to disk.
    spill: bool,
}

impl UploadWriter {
    /// Returns an empty file; without a tokio runtime it stays in memory.
    pub(crate) fn new(spill: bool) -> Self {
        let spill = spill && tokio::runtime::Handle::try_current().is_ok();
        Self { length: 0, memory: BytesMut::new(), disk: None, spill }
    }

    pub(crate) async fn push(&mut self, chunk: &[u8]) -> io::Result<()> {
        self.length += chunk.len() as u64;
        if let Some((file, _)) = &mut self.disk {
            return file.write_all(chunk).await;
        }
        self.memory.extend_from_slice(chunk);
        if self.spill && self.memory.len() > MEMORY {
            let (file, path) = tokio::task::spawn_blocking(NamedTempFile::new)
                .await
                .map_err(io::Error::other)??
                .into_parts();
            let mut file = File::from_std(file);
            file.write_all(&self.memory).await?;
            self.memory = BytesMut::new();
            self.disk = Some((file, path));
        }
        Ok(())
    }

    pub(crate) async fn end(
        self,
        file_name: Option<String>,
        content_type: Option<String>,
    ) -> io::Result<Upload> {
        let content = match self.disk {
            Some((mut file, path)) => {
                file.flush().await?;
                Content::Disk(path)
            }
            None => Content::Memory(self.memory.freeze()),
        };
        Ok(Upload { file_name, content_type, length: self.length, content })
    }
}
