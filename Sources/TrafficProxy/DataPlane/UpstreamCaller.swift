import HTTP1
import NIOCore

/// Whoever has a request at an instance: a client's connection, or a request of the proxy's own.
///
/// The instance calls `attach` once a connection is free, or `attemptFailed`; the connection calls the rest, each answer
/// in the order `beginAnswer`, `forwardAnswer`…, and then one of `answerIsWhole` and `answerWasCutOff`.
protocol UpstreamCaller: AnyObject {
    /// The answer has no body, whatever its fields say.
    var isToHead: Bool { get }
    /// All of the request was handed over.
    var requestIsWhole: Bool { get }

    /// A connection to the instance is there.
    func attach(_ connection: UpstreamConnection)
    /// An attempt brought no byte of an answer.
    func attemptFailed(_ failure: RetryPolicy.Failure, _ reason: String)
    /// There is room on the connection again, or none any more.
    func updateReading()

    /// The instance sent 100 Continue.
    func forwardContinue()
    /// - Parameter bytes: begins with the head, which is taken from it.
    func beginAnswer(_ head: ResponseHead, _ bytes: inout ByteBuffer)
    /// Takes what belongs to the answer's body.
    func forwardAnswer(_ bytes: inout ByteBuffer, _ body: inout BodyFraming) -> BodyFraming.Progress
    /// Nothing more is there to be read for now.
    func flushAnswer()
    /// - Parameter connection: where it can serve the next request.
    func answerIsWhole(release connection: UpstreamConnection?)
    func answerWasCutOff()
}
