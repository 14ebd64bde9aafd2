import Foundation

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

struct ClientError: Error, CustomStringConvertible {
    var description: String
}

/// A client that sends exactly the given bytes on its own socket. Every wait has a limit.
final class RawClient: Sendable {
    /// An answer as it arrived.
    struct Answer: Sendable {
        var status: Int
        /// Names in lower case.
        var fields: [(name: String, value: String)]
        var body: String

        func field(_ name: String) -> String? { fields.first { $0.name == name }?.value }
    }

    private static let timeoutSeconds = 20
    fileprivate let socketDescriptor: Int32
    private let queue = DispatchQueue(label: "raw-client")
    // Used on `queue` only.
    nonisolated(unsafe) private var buffered: [UInt8] = []

    init(port: Int) throws {
        socketDescriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socketDescriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try start(result)
    }

    init(unixSocket path: String) throws {
        socketDescriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8.prefix($0.count - 1))) }
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socketDescriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try start(result)
    }

    private func start(_ result: Int32) throws {
        guard result == 0 else {
            throw ClientError(description: "cannot connect: \(String(cString: strerror(errno)))")
        }
        var time = timeval(tv_sec: Self.timeoutSeconds, tv_usec: 0)
        setsockopt(socketDescriptor, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(socketDescriptor, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { Glibc.close(socketDescriptor) }

    fileprivate func onQueue<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result { try body() }) }
        }
    }

    func send(_ text: String) async throws { try await send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) async throws {
        try await onQueue { [socketDescriptor] in
            var sent = 0
            while sent < bytes.count {
                let count = bytes.withUnsafeBytes {
                    Glibc.send(socketDescriptor, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
                }
                guard count > 0 else {
                    throw ClientError(description: "cannot send: \(String(cString: strerror(errno)))")
                }
                sent += count
            }
        }
    }

    /// Ends the connection with a reset, like a client that is killed.
    func reset() async throws {
        try await onQueue { [socketDescriptor] in
            var option = linger(l_onoff: 1, l_linger: 0)
            setsockopt(socketDescriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
            shutdown(socketDescriptor, Int32(SHUT_RDWR))
        }
    }

    /// Reads until the text arrives. Returns everything up to its end.
    func read(until text: String) async throws -> String {
        let wanted = Array(text.utf8)
        return try await onQueue { try self.take { self.end(of: wanted) } }
    }

    /// Reads until the connection ends.
    func readToEnd() async throws -> String {
        try await onQueue {
            while try self.receive() {}
            defer { self.buffered = [] }
            return String(decoding: self.buffered, as: UTF8.self)
        }
    }

    /// Reads one answer, without interim ones.
    /// - Parameter isToHead: the answer has no body.
    func answer(isToHead: Bool = false) async throws -> Answer {
        try await onQueue {
            while true {
                let answer = try self.readAnswer(isToHead: isToHead)
                if answer.status >= 200 { return answer }
            }
        }
    }

    /// Sends a request and reads its answer.
    func request(
        _ method: String = "POST", _ path: String = "/infer", fields: [String] = [], body: String = "{}"
    ) async throws -> Answer {
        let lines = ["\(method) \(path) HTTP/1.1", "host: test", "content-length: \(body.utf8.count)"] + fields
        try await send(lines.joined(separator: "\r\n") + "\r\n\r\n" + body)
        return try await answer(isToHead: method == "HEAD")
    }

    // MARK: On the queue

    private func readAnswer(isToHead: Bool) throws -> Answer {
        let head = try take { self.end(of: Array("\r\n\r\n".utf8)) }
        let lines = head.components(separatedBy: "\r\n")
        let fields = lines.dropFirst().filter { !$0.isEmpty }.map { line in
            let parts = line.split(separator: ":", maxSplits: 1)
            return (
                name: parts[0].lowercased(),
                value: parts.count > 1 ? parts[1].trimmingCharacters(in: .whitespaces) : ""
            )
        }
        let words = lines[0].split(separator: " ")
        guard words.count > 1, let status = Int(words[1]) else { throw ClientError(description: "no answer: \(head)") }
        var answer = Answer(status: status, fields: fields, body: "")
        if isToHead || status < 200 || status == 204 || status == 304 { return answer }
        if let length = answer.field("content-length").flatMap({ Int($0) }) {
            answer.body = try take { self.buffered.count >= length ? length : nil }
        } else if answer.field("transfer-encoding") == "chunked" {
            while true {
                let line = try take { self.end(of: [0x0d, 0x0a]) }
                // CR LF is one character.
                guard let size = Int(line.dropLast(), radix: 16) else {
                    throw ClientError(description: "bad chunk: \(line)")
                }
                let chunk = try take { self.buffered.count >= size + 2 ? size + 2 : nil }
                if size == 0 { break }
                answer.body += chunk.dropLast()
            }
        } else {
            while try receive() {}
            answer.body = String(decoding: buffered, as: UTF8.self)
            buffered = []
        }
        return answer
    }

    private func end(of wanted: [UInt8]) -> Int? {
        guard buffered.count >= wanted.count else { return nil }
        for start in 0...(buffered.count - wanted.count) where buffered[start..<start + wanted.count] == wanted[...] {
            return start + wanted.count
        }
        return nil
    }

    private func take(_ count: () -> Int?) throws -> String {
        while true {
            if let count = count() {
                defer { buffered.removeFirst(count) }
                return String(decoding: buffered[..<count], as: UTF8.self)
            }
            guard try receive() else {
                throw ClientError(description: "ended after: \(String(decoding: buffered, as: UTF8.self))")
            }
        }
    }

    /// False at the end of the connection.
    private func receive() throws -> Bool {
        var chunk = [UInt8](repeating: 0, count: 65_536)
        let count = recv(socketDescriptor, &chunk, chunk.count, 0)
        if count < 0 {
            if errno == ECONNRESET { return false }
            let sofar = String(decoding: buffered, as: UTF8.self)
            throw ClientError(description: "cannot read: \(String(cString: strerror(errno))) after \(sofar)")
        }
        buffered += chunk[..<count]
        return count > 0
    }
}

extension RawClient {
    /// Reads nothing until no more bytes arrive for a while: from then on the sender is blocked.
    func waitUntilNothingMoreComes() async throws {
        var (before, still) = (Int32(-1), 0)
        for _ in 0..<400 where still < 6 {
            var waiting: Int32 = 0
            _ = ioctl(socketDescriptor, UInt(FIONREAD), &waiting)
            still = waiting == before ? still + 1 : 0
            before = waiting
            try await Task.sleep(for: .milliseconds(50))
        }
        guard still == 6 else { throw ClientError(description: "bytes keep coming") }
    }

    /// Sends until nothing more is accepted for a while. Returns the number of accepted bytes.
    func sendUntilBlocked(chunk: Int, most: Int) async throws -> Int {
        try await onQueue { [socketDescriptor] in
            var time = timeval(tv_sec: 1, tv_usec: 0)
            setsockopt(socketDescriptor, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
            let bytes = [UInt8](repeating: 0x61, count: chunk)
            var sent = 0
            while sent < most {
                let count = Glibc.send(socketDescriptor, bytes, min(chunk, most - sent), Int32(MSG_NOSIGNAL))
                guard count > 0 else { break }
                sent += count
            }
            return sent
        }
    }
}
