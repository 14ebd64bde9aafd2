import CCurl
import Foundation

/// One HTTP request by libcurl, written to a file. It blocks: run it through `BlockingWork`.
struct CurlTransfer: Sendable {
    static let pollMilliseconds: Int32 = 1000
    static let maximumHeaderBytes = 64 * 1024
    /// Of an answer that is no file, to say why.
    static let maximumFailureBytes = 16 * 1024
    static let userAgent = "mlctl"

    /// libcurl is initialised once per process, before any thread uses it.
    private static let isReady: Bool = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

    var request: TransferPlan.Request
    var limits: StorageLimits
    /// How many more bytes fit on the disk.
    var roomBytes: Int64

    /// - Parameters:
    ///   - path: the file to write. The server's answer decides whether it is continued at its end or overwritten.
    ///   - began: called with the response head when the first bytes of the file arrive.
    /// - Throws: `CancellationError`; `StorageError` if the file cannot be opened.
    func run(
        into path: String, cancellation: Cancellation, began: (ResponseHead) -> Void,
        progress: (TransferProgress) -> Void
    ) throws -> TransferPlan.Outcome {
        guard Self.isReady, let easy = curl_easy_init(), let multi = curl_multi_init() else {
            throw StorageError(.fileSystem, "libcurl could not be started. Check that enough memory is free.")
        }
        defer { curl_multi_cleanup(multi) }
        defer { curl_easy_cleanup(easy) }
        return try FileCall.withDescriptor(path, O_WRONLY | O_CREAT, mode: 0o600) { descriptor in
            guard lseek(descriptor, off_t(request.offset), SEEK_SET) >= 0 else {
                throw FileCall.failure("reading", path)
            }
            return try withoutActuallyEscaping(began) { began in
                try withoutActuallyEscaping(progress) { progress in
                    let sink = TransferSink(
                        descriptor: descriptor, source: try UploadSource(request.upload), path: path,
                        offset: request.offset, limits: limits,
                        roomBytes: roomBytes,
                        cancellation: cancellation, began: began, progress: progress)
                    let headers = configure(easy, sink: sink)
                    defer { curl_slist_free_all(headers) }
                    // libcurl keeps an unowned pointer to the sink. The pointer stays valid: the transfer ends before this
                    // closure returns, and the sink lives until then.
                    return try withExtendedLifetime(sink) {
                        curl_multi_add_handle(multi, easy)
                        defer { curl_multi_remove_handle(multi, easy) }
                        let handle = UInt(bitPattern: multi)
                        // curl_multi_wakeup is the only call that libcurl allows from another thread.
                        let code = cancellation.withWakeup {
                            _ = UnsafeMutableRawPointer(bitPattern: handle).map { curl_multi_wakeup($0) }
                        } during: {
                            perform(multi, cancellation: cancellation)
                        }
                        try cancellation.check()
                        return outcome(code, easy: easy, sink: sink)
                    }
                }
            }
        }
    }

    /// - Returns: libcurl's result; nil if the transfer was cancelled or libcurl stopped.
    private func perform(_ multi: UnsafeMutableRawPointer, cancellation: Cancellation) -> CURLcode? {
        var running: Int32 = 1
        // This loop ends: libcurl enforces the transfer's time limits.
        while running > 0 {
            guard !cancellation.isCancelled, curl_multi_perform(multi, &running) == CURLM_OK else { return nil }
            if running > 0, curl_multi_poll(multi, nil, 0, Self.pollMilliseconds, nil) != CURLM_OK { return nil }
        }
        var left: Int32 = 0
        while let message = curl_multi_info_read(multi, &left) {
            if message.pointee.msg == CURLMSG_DONE { return message.pointee.data.result }
        }
        return nil
    }

    private func outcome(_ code: CURLcode?, easy: UnsafeMutableRawPointer, sink: TransferSink) -> TransferPlan.Outcome {
        if let failure = sink.failure { return .broken(failure, sink.head) }
        guard let code else { return .broken(.connection("libcurl stopped"), sink.head) }
        let words = String(cString: curl_easy_strerror(code))
        switch code {
        case CURLE_OK:
            // libcurl does not call back for an empty body, so the file is started here.
            sink.finish()
            if let failure = sink.failure { return .broken(failure, sink.head) }
            var target: UnsafeMutablePointer<CChar>?
            curl_get_text(easy, CURLINFO_REDIRECT_URL, &target)
            return .answered(sink.answer, redirect: target.map { String(cString: $0) })
        case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR,
            CURLE_SSL_INVALIDCERTSTATUS:
            return .broken(.certificate(words), sink.head)
        case CURLE_FILESIZE_EXCEEDED: return .broken(.tooLarge, sink.head)
        default: return .broken(.connection(words.lowercased()), sink.head)
        }
    }

    private func configure(_ easy: UnsafeMutableRawPointer, sink: TransferSink) -> UnsafeMutablePointer<curl_slist>? {
        let location = request.location
        curl_set_text(easy, CURLOPT_URL, location.url)
        curl_set_text(easy, CURLOPT_USERAGENT, Self.userAgent)
        curl_set_number(easy, CURLOPT_PROTOCOLS, location.isEncrypted ? Int(CURLPROTO_HTTPS) : Int(CURLPROTO_HTTP))
        // mlctl checks each redirect itself.
        curl_set_number(easy, CURLOPT_FOLLOWLOCATION, 0)
        if location.isLoopback { curl_set_text(easy, CURLOPT_PROXY, "") }
        curl_set_number(easy, CURLOPT_NOSIGNAL, 1)
        curl_set_number(easy, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(limits.connectTimeout))
        curl_set_number(easy, CURLOPT_TIMEOUT_MS, milliseconds(limits.transferTimeout))
        curl_set_number(easy, CURLOPT_LOW_SPEED_LIMIT, limits.stallBytesPerSecond)
        curl_set_number(easy, CURLOPT_LOW_SPEED_TIME, max(1, Int(limits.stallTimeout.components.seconds)))
        curl_set_offset(easy, CURLOPT_MAXFILESIZE_LARGE, curl_off_t(limits.maximumModelBytes))
        if request.offset > 0 { curl_set_text(easy, CURLOPT_RANGE, "\(request.offset)-") }
        let context = Unmanaged.passUnretained(sink).toOpaque()
        curl_set_pointer(easy, CURLOPT_WRITEDATA, context)
        curl_set_pointer(easy, CURLOPT_HEADERDATA, context)
        curl_set_callback(easy, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
            TransferSink.at(context)?.take(UnsafeRawBufferPointer(start: bytes, count: size * count)) ?? 0
        }
        curl_set_callback(easy, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
            TransferSink.at(context)?.takeHeader(UnsafeRawBufferPointer(start: bytes, count: size * count)) ?? 0
        }
        var headers: UnsafeMutablePointer<curl_slist>?
        var fields: [(name: String, value: String?)] = [
            ("If-Range", request.ifRange), ("If-None-Match", request.ifNoneMatch),
            ("If-Modified-Since", request.ifModifiedSince), ("If-Match", request.ifMatch),
        ]
        for field in request.fields { fields.append((field.name, field.value)) }
        fields += authorize(easy)
        for case (let name, let value?) in fields {
            // A line break would begin another field.
            guard value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else { continue }
            headers = curl_slist_append(headers, "\(name): \(value)")
        }
        if let method = request.method { curl_set_text(easy, CURLOPT_CUSTOMREQUEST, method) }
        // Without this, libcurl waits for the body of the answer to a HEAD.
        if request.method == "HEAD" { curl_set_number(easy, CURLOPT_NOBODY, 1) }
        if let form = request.form {
            // libcurl copies the text.
            curl_set_text(easy, CURLOPT_COPYPOSTFIELDS, form.text)
        }
        if let upload = request.upload {
            curl_set_number(easy, CURLOPT_UPLOAD, 1)
            curl_set_offset(easy, CURLOPT_INFILESIZE_LARGE, curl_off_t(upload.bytes))
            curl_set_pointer(easy, CURLOPT_READDATA, context)
            curl_set_callback(easy, CURLOPT_READFUNCTION) { bytes, size, count, context in
                TransferSink.at(context)?.give(UnsafeMutableRawBufferPointer(start: bytes, count: size * count))
                    ?? Int(CURL_READFUNC_ABORT)
            }
        }
        curl_set_list(easy, CURLOPT_HTTPHEADER, headers)
        return headers
    }

    /// Sets what proves who asks.
    ///
    /// - Returns: the header fields that belong to it.
    private func authorize(_ easy: UnsafeMutableRawPointer) -> [(name: String, value: String?)] {
        switch request.authorization {
        case nil: return []
        case .header(let value): return [("Authorization", value)]
        case .bearer(let token): return [("Authorization", "Bearer \(token)")]
        case .azure(let key): return key.fields(for: request, at: Date()).map { ($0.name, $0.value) }
        case .signed(let keys, let region):
            // libcurl signs path and query as they stand: the stores write them in canonical form.
            curl_set_text(easy, CURLOPT_AWS_SIGV4, "aws:amz:\(region):s3")
            curl_set_text(easy, CURLOPT_USERNAME, keys.id)
            curl_set_text(easy, CURLOPT_PASSWORD, keys.secret)
            return [
                ("x-amz-content-sha256", ContentDigest(of: [UInt8]()).hex), ("x-amz-security-token", keys.sessionToken),
            ]
        }
    }

    private func milliseconds(_ duration: Duration) -> Int {
        Int(duration.components.seconds) * 1000 + Int(duration.components.attoseconds / 1_000_000_000_000_000)
    }
}

/// Receives the data from libcurl's callbacks. Used on the transfer's thread only.
private final class TransferSink {
    let descriptor: Int32
    let source: UploadSource?
    let path: String
    let limits: StorageLimits
    let roomBytes: Int64
    let cancellation: Cancellation
    let began: (ResponseHead) -> Void
    let progress: (TransferProgress) -> Void

    private(set) var head = ResponseHead()
    private(set) var failure: TransferPlan.Break?
    private let offset: Int64
    private var bytes: Int64
    private var body: ResponseHead.Body?
    private var headerBytes = 0
    private var failureBytes: [UInt8] = []

    init(
        descriptor: Int32, source: UploadSource?, path: String, offset: Int64, limits: StorageLimits, roomBytes: Int64,
        cancellation: Cancellation,
        began: @escaping (ResponseHead) -> Void, progress: @escaping (TransferProgress) -> Void
    ) {
        self.descriptor = descriptor
        self.source = source
        self.path = path
        self.offset = offset
        self.limits = limits
        self.roomBytes = roomBytes
        self.cancellation = cancellation
        self.began = began
        self.progress = progress
        bytes = offset
    }

    static func at(_ context: UnsafeMutableRawPointer?) -> TransferSink? {
        context.map { Unmanaged<TransferSink>.fromOpaque($0).takeUnretainedValue() }
    }

    /// - Returns: the number of bytes taken. libcurl ends the transfer if it is lower than the number that came.
    func takeHeader(_ line: UnsafeRawBufferPointer) -> Int {
        headerBytes += line.count
        guard headerBytes <= CurlTransfer.maximumHeaderBytes else {
            failure = .connection("the server's headers are too long")
            return 0
        }
        let text = String(decoding: line, as: UTF8.self)
        head.take(text.trimmingCharacters(in: .whitespacesAndNewlines))
        return line.count
    }

    /// - Returns: the number of bytes taken. libcurl ends the transfer if it is lower than the number that came.
    func take(_ piece: UnsafeRawBufferPointer) -> Int {
        guard !cancellation.isCancelled else { return 0 }
        do {
            if try begin() == .ignore {
                failureBytes += piece.prefix(CurlTransfer.maximumFailureBytes - failureBytes.count)
                return piece.count
            }
            bytes += Int64(piece.count)
            guard bytes <= limits.maximumModelBytes else {
                failure = .tooLarge
                return 0
            }
            try FileCall.write(piece, to: descriptor, path: path)
            progress(TransferProgress(bytes: bytes, totalBytes: head.totalBytes))
            return piece.count
        } catch {
            failure = .failed(error as? StorageError ?? StorageError(.fileSystem, "\(error)"))
            return 0
        }
    }

    /// - Returns: the number of bytes given; 0 at the end.
    func give(_ buffer: UnsafeMutableRawBufferPointer) -> Int {
        guard !cancellation.isCancelled, let source else { return Int(CURL_READFUNC_ABORT) }
        do {
            return try source.read(into: buffer)
        } catch {
            failure = .failed(error as? StorageError ?? StorageError(.fileSystem, "\(error)"))
            return Int(CURL_READFUNC_ABORT)
        }
    }

    /// The head, with the text of an answer that is no file.
    var answer: ResponseHead {
        var answer = head
        answer.failureText = String(decoding: failureBytes, as: UTF8.self)
        return answer
    }

    func finish() { _ = take(UnsafeRawBufferPointer(start: nil, count: 0)) }

    private func begin() throws -> ResponseHead.Body {
        if let body { return body }
        let body = head.body(after: offset)
        self.body = body
        guard body != .ignore else { return body }
        if body == .replace {
            guard ftruncate(descriptor, 0) == 0, lseek(descriptor, 0, SEEK_SET) == 0 else {
                throw FileCall.failure("writing", path)
            }
            bytes = 0
        }
        if let total = head.totalBytes, total - bytes > roomBytes {
            throw StorageError(
                .diskFull,
                "\(SizeText.of(total - bytes)) must be downloaded, but the disk of \(path) has room for "
                    + "\(SizeText.of(max(roomBytes, 0))). Free disk space."
            )
        }
        began(head)
        return body
    }
}
