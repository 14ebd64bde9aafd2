/// Decides what a download does next. Pure: outcomes go in, an action comes out.
///
/// An interrupted attempt is resumed if the server can prove that the file is still the same (a validator), or if a digest proves
/// it in the end. Attempts that bring new bytes reset the count of failures; attempts that bring none increase it.
struct TransferPlan: Hashable, Sendable {
    struct Request: Hashable, Sendable {
        var location: WebLocation
        /// The first byte that is wanted; 0 asks for the whole file.
        var offset: Int64 = 0
        var ifRange: String?
        /// With these two the server sends the file only if it changed.
        var ifNoneMatch: String?
        var ifModifiedSince: String?
        /// The server sends the file only if it still is this one.
        var ifMatch: String?
        /// Only for the server that the download began at. A redirect to another one drops it.
        var authorization: WebAuthorization?
        var fields: [WebField] = []
        /// Sent by POST as a form; nil for a GET.
        var form: WebForm?
        /// A part of a file, which is sent as the body.
        var upload: WebUpload?
        /// Nil for a GET, or a POST with a form.
        var method: String?
    }

    /// How one request ended.
    enum Outcome: Hashable, Sendable {
        case answered(ResponseHead, redirect: String?)
        /// The request failed before all bytes arrived.
        case broken(Break, ResponseHead)
    }

    enum Break: Hashable, Sendable {
        /// Not resolved, refused, reset, closed or stalled, with libcurl's text.
        case connection(String)
        case certificate(String)
        case tooLarge
        case failed(StorageError)
    }

    enum Action: Hashable, Sendable {
        case request(Request)
        /// Wait, then send the request.
        case wait(Duration, then: Request)
        /// All bytes have arrived.
        case complete(ResponseHead)
        /// The file did not change.
        case unchanged
        case fail(StorageError)
    }

    let origin: WebLocation
    /// Whether the bytes will be compared with a digest. If so, a partial file may be continued without a validator.
    let isVerified: Bool
    let limits: StorageLimits
    private var location: WebLocation
    private var redirects = 0
    private var attempts = 0
    private var idleAttempts = 0
    private var validator: String?
    private let known: PinMemo.Validators?
    private let listedTag: String?
    private let isListed: Bool

    /// - Parameters:
    ///   - validator: the validator of the partial file.
    ///   - known: the validators of the known content. The server does not send unchanged content again.
    ///   - listedTag: the ETag that a store's listing gave for the file. Another file under its name is refused.
    ///   - isListed: whether a store listed the file: then a file that is gone means that the model changed.
    init(
        origin: WebLocation, isVerified: Bool, validator: String?, known: PinMemo.Validators? = nil,
        listedTag: String? = nil, isListed: Bool = false, limits: StorageLimits
    ) {
        self.origin = origin
        self.isVerified = isVerified
        self.limits = limits
        self.validator = validator
        self.known = known
        self.listedTag = listedTag
        self.isListed = isListed || listedTag != nil
        location = origin
    }

    /// - Parameter bytes: the size of the partial file.
    mutating func start(bytes: Int64) -> Action {
        attempts = 1
        return .request(request(bytes: bytes))
    }

    /// - Parameters:
    ///   - bytes: the size of the partial file now.
    ///   - before: its size when the request was sent.
    mutating func ended(_ outcome: Outcome, bytes: Int64, before: Int64) -> Action {
        switch outcome {
        case .broken(let reason, let head):
            if (200..<300).contains(head.status) { validator = head.rangeValidator }
            return brokenOff(reason, bytes: bytes, before: before)
        case .answered(let head, let redirect):
            return answered(head, redirect: redirect, bytes: bytes, before: before)
        }
    }

    private mutating func answered(
        _ head: ResponseHead, redirect: String?, bytes: Int64, before: Int64
    ) -> Action {
        switch head.status {
        case 200: return .complete(head)
        case 206 where head.rangeStart == before && (head.rangeTotal ?? bytes) == bytes: return .complete(head)
        // The partial file was complete already.
        case 416 where bytes > 0 && head.rangeTotal == bytes: return .complete(head)
        case 206, 416:
            // The part that the server sent does not fit the partial file.
            validator = nil
            return again("the server sent another range than the requested one", bytes: 0, isIdle: true)
        case 304 where known != nil: return .unchanged
        case 301, 302, 303, 307, 308: return follow(redirect, bytes: bytes)
        case 412 where listedTag != nil, 404 where isListed, 410 where isListed:
            return .fail(
                StorageError(
                    .changing,
                    "\(origin) was changed or removed after it was listed (\(head.status)). Finish writing the model, "
                        + "or write each version to a place of its own."))
        case 404, 410:
            return .fail(StorageError(.notFound, "\(origin) does not exist (\(head.status)). Check the URI."))
        case 401, 403, 407:
            return .fail(
                StorageError(
                    .unauthorized, "\(origin) may not be read (\(head.status)). Check the server's access rules."))
        case 408, 425, 429, 500...599:
            let wait = head.retryAfterSeconds.map { min(.seconds(max($0, 0)), limits.maximumBackoff) }
            return again(
                "the server answered \(head.status)", bytes: bytes, isIdle: true, wait: wait,
                advice: head.status == 429
                    ? "It limits how often it is asked: try again later, or set credentials that have a higher limit."
                    : "Check the server and the network.")
        default:
            return .fail(
                StorageError(.protocolError, "\(origin) was answered with status \(head.status). Check the URI."))
        }
    }

    private mutating func brokenOff(_ reason: Break, bytes: Int64, before: Int64) -> Action {
        switch reason {
        case .connection(let words): return again(words, bytes: bytes, isIdle: bytes <= before)
        case .certificate(let words):
            return .fail(
                StorageError(
                    .untrusted,
                    "The certificate of \(origin) is not trusted (\(words)). Install the certificate of its authority.")
            )
        case .tooLarge:
            return .fail(
                StorageError(
                    .tooLarge,
                    "\(origin) is larger than \(SizeText.of(limits.maximumModelBytes)), the limit for a model."))
        case .failed(let error): return .fail(error)
        }
    }

    private mutating func follow(_ target: String?, bytes: Int64) -> Action {
        redirects += 1
        guard let target, redirects <= limits.maximumRedirects else {
            return .fail(
                StorageError(
                    .protocolError,
                    "\(origin) was redirected more than \(limits.maximumRedirects) times. Use the final address."))
        }
        do {
            location = try location.redirected(to: target)
        } catch {
            return .fail(error)
        }
        return .request(request(bytes: bytes))
    }

    private mutating func again(
        _ words: String, bytes: Int64, isIdle: Bool, wait: Duration? = nil,
        advice: String = "Check the server and the network."
    ) -> Action {
        idleAttempts = isIdle ? idleAttempts + 1 : 0
        attempts += 1
        guard idleAttempts < limits.maximumAttempts, attempts <= limits.maximumAttemptsInAll else {
            return .fail(
                StorageError(.unreachable, "\(origin) could not be read: \(words). \(advice)"))
        }
        location = origin
        redirects = 0
        let doublings = max(idleAttempts - 1, 0)
        let backoff = min(limits.firstBackoff * (1 << min(doublings, 16)), limits.maximumBackoff)
        return .wait(max(wait ?? backoff, backoff), then: request(bytes: bytes))
    }

    private func request(bytes: Int64) -> Request {
        if let listedTag {
            return Request(location: location, offset: max(bytes, 0), ifMatch: listedTag)
        }
        let mayContinue = bytes > 0 && (validator != nil || isVerified)
        guard mayContinue else {
            return Request(location: location, ifNoneMatch: known?.etag, ifModifiedSince: known?.lastModified)
        }
        return Request(location: location, offset: bytes, ifRange: validator)
    }
}
