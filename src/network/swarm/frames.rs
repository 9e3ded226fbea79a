//! How do requests and answers lie on a stream? A size of four bytes, big-endian, and so many bytes. The
//! size is looked at before anything is read, and memory grows only with what comes.

use crate::network::{
    codec::{self, CodecError},
    handle::Shared,
    message::{Request, Response},
    stats::RequestKind,
};
use libp2p::{
    StreamProtocol,
    futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    request_response,
};
use std::{io, sync::Arc};

/// Of the messages. Nodes of another version are told by it.
pub(super) const PROTOCOL: StreamProtocol = StreamProtocol::new("/mainspring/2");

/// What a peer asks, or what was wrong with it: a request that cannot be read must not be lost, since its
/// peer is to be held to account.
pub(super) type Asked = Result<Request, String>;

/// Reads and writes requests and their answers.
#[derive(Clone, Debug)]
pub(super) struct Frames {
    shared: Arc<Shared>,
    /// What was asked on this stream.
    asked: Option<RequestKind>,
}

impl Frames {
    pub(super) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared, asked: None }
    }

    async fn read<T: AsyncRead + Unpin + Send>(
        &self,
        io: &mut T,
        most: usize,
    ) -> io::Result<Vec<u8>> {
        let mut size = [0; 4];
        io.read_exact(&mut size).await?;
        let size = u32::from_be_bytes(size) as usize;
        if size > most {
            return Err(wrong(format!("a message of {size} bytes; at most {most} are taken")));
        }
        let mut bytes = Vec::new();
        io.take(size as u64).read_to_end(&mut bytes).await?;
        self.shared.counters.bytes_in.add(bytes.len());
        if bytes.len() < size {
            return Err(wrong(format!(
                "a message of {size} bytes that ends after {}",
                bytes.len()
            )));
        }
        Ok(bytes)
    }

    async fn write<T: AsyncWrite + Unpin + Send>(
        &self,
        io: &mut T,
        bytes: &[u8],
    ) -> io::Result<()> {
        let size = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        io.write_all(&size.to_be_bytes()).await?;
        io.write_all(bytes).await?;
        io.flush().await?;
        self.shared.counters.bytes_out.add(bytes.len());
        Ok(())
    }
}

/// Bytes of an answer of this kind.
const fn most_of(kind: RequestKind) -> usize {
    match kind {
        RequestKind::Hello | RequestKind::Head => 1 << 10,
        RequestKind::Peers => codec::MAX_PEERS * (codec::MAX_ADDRESS_BYTES + 8) + 16,
        RequestKind::Headers
        | RequestKind::Bodies
        | RequestKind::Ancestry
        | RequestKind::Waiting
        | RequestKind::Transactions => codec::MAX_RESPONSE_BYTES,
    }
}

fn wrong(reason: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

fn no_message(error: CodecError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

impl request_response::Codec for Frames {
    type Protocol = StreamProtocol;
    type Request = Asked;
    type Response = Response;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Asked>
    where
        T: AsyncRead + Unpin + Send,
    {
        match self.read(io, codec::MAX_REQUEST_BYTES).await {
            Ok(bytes) => Ok(codec::decode_request(&bytes).map_err(|error| error.to_string())),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(Err(error.to_string())),
            Err(error) => Err(error),
        }
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Response>
    where
        T: AsyncRead + Unpin + Send,
    {
        let asked = self.asked.ok_or_else(|| wrong("an answer to no question".to_owned()))?;
        let bytes = self.read(io, most_of(asked)).await?;
        codec::decode_response(&bytes).map_err(no_message)
    }

    async fn write_request<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        request: Asked,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        let request = request.map_err(wrong)?;
        self.asked = Some(RequestKind::of(&request));
        self.write(io, &codec::encode_request(&request)).await
    }

    async fn write_response<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        response: Response,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        self.write(io, &codec::encode_response(&response)).await
    }
}
