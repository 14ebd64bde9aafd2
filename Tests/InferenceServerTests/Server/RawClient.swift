import Dispatch
import Foundation
import Glibc

/// A client that writes exactly the given bytes, and reads answers. Every wait has a limit.
///
/// Blocking calls run on the threads of a private queue, never on those of the tests' tasks.
final class RawClient: Sendable {
    struct Response: Hashable, Sendable {
        var status: Int
        /// Names in lower case.
        var headers: [String: String]
        var body: String
    }

    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    /// The time-out of each read.
    static let readTimeoutSeconds = 20

    private let descriptor: Int32

    init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw Failure(description: "socket: \(errno)") }
        var timeout = timeval(tv_sec: Self.readTimeoutSeconds, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else {
            close(descriptor)
            throw Failure(description: "connect: \(errno)")
        }
    }

    deinit { close(descriptor) }

    func send(_ text: String) throws {
        let bytes = [UInt8](text.utf8)
        var sent = 0
        while sent < bytes.count {
            let count = Glibc.send(descriptor, Array(bytes[sent...]), bytes.count - sent, Int32(MSG_NOSIGNAL))
            guard count > 0 else { throw Failure(description: "send: \(errno)") }
            sent += count
        }
    }

    func post(_ path: String, _ body: String, headers: String = "") throws {
        try send("POST \(path) HTTP/1.1\r\nHost: t\r\n\(headers)Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
    }

    func get(_ path: String) throws { try send("GET \(path) HTTP/1.1\r\nHost: t\r\n\r\n") }

    /// One response with a content-length. Nil if the server closed the connection instead.
    func response() async throws -> Response? {
        try await offload { try self.readResponse() }
    }

    /// True if the server closes the connection without another byte.
    func isClosedByServer() async throws -> Bool {
        try await offload { try self.readByte() == nil }
    }

    private func offload<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(with: Result(catching: work)) }
        }
    }

    private func readResponse() throws -> Response? {
        var head: [UInt8] = []
        while !head.suffix(4).elementsEqual([13, 10, 13, 10]) {
            guard let byte = try readByte() else {
                guard head.isEmpty else { throw Failure(description: "closed in the middle of a head") }
                return nil
            }
            head.append(byte)
        }
        let lines = String(decoding: head, as: UTF8.self).split(separator: "\r\n")
        let status = lines.first?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            headers[parts[0].lowercased()] = parts.last.map { $0.trimmingCharacters(in: .whitespaces) }
        }
        var body: [UInt8] = []
        for _ in 0..<(headers["content-length"].flatMap { Int($0) } ?? 0) {
            guard let byte = try readByte() else { throw Failure(description: "closed in the middle of a body") }
            body.append(byte)
        }
        return Response(status: status, headers: headers, body: String(decoding: body, as: UTF8.self))
    }

    private func readByte() throws -> UInt8? {
        var byte: UInt8 = 0
        let count = recv(descriptor, &byte, 1, 0)
        if count == 1 { return byte }
        guard count == 0 || errno == ECONNRESET else { throw Failure(description: "recv: \(errno)") }
        return nil
    }
}
