import HTTP1
import NIOCore

/// The owner of a request at an instance: a client connection, or a request of the proxy itself.
///
/// The instance calls `attach` once a connection is free, or `attemptFailed`. The connection calls the other methods: for each
/// answer `beginAnswer`, `forwardAnswer` any number of times, and then `answerIsWhole` or `answerWasCutOff`.
protocol UpstreamCaller: AnyObject {
    /// The request is HEAD: the answer has no body, whatever its fields say.
    var isToHead: Bool { get }
    /// The request was handed over completely.
    var requestIsWhole: Bool { get }
    /// It is a gRPC call, which an instance answers at another port.
    var isCall: Bool { get }

    /// A connection to the instance is available.
    func attach(_ connection: UpstreamConnection)
    /// An attempt failed before the first byte of an answer.
    func attemptFailed(_ failure: RetryPolicy.Failure, _ reason: String)
    /// The connection's write buffer has room again, or is full.
    func updateReading()

    /// The instance sent 100 Continue.
    func forwardContinue()
    /// - Parameter bytes: begin with the head, which is removed from them.
    func beginAnswer(_ head: ResponseHead, _ bytes: inout ByteBuffer)
    /// Takes the bytes that belong to the answer's body.
    func forwardAnswer(_ bytes: inout ByteBuffer, _ body: inout BodyFraming) -> BodyFraming.Progress
    /// There is nothing more to read for now.
    func flushAnswer()
    /// - Parameter connection: the connection, if it can serve another request.
    func answerIsWhole(release connection: UpstreamConnection?)
    func answerWasCutOff()
}
