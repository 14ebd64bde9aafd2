import CLinuxProcess
import Glibc

/// One non-blocking connection to a server on this machine. It connects, sends one request if there is one, and reads the answer.
/// The owner polls `descriptor` for `wants` and calls `proceed`.
final class LoopbackExchange {
    enum Result: Equatable {
        /// Connected, with no request to send.
        case connected
        case answered(status: Int)
        case failed(String)
    }

    /// How much of the answer to wait for.
    enum Extent { case status, wholeAnswer }

    let deadline: Duration
    private let port: Int
    private let extent: Extent
    private var socket: Descriptor?
    private var isConnected = false
    private var unsent: ArraySlice<UInt8>
    private var scanner = ResponseScanner()
    private(set) var result: Result?
    /// The connection was refused: nobody listens on the port.
    private(set) var isRefused = false
    /// Connected or connecting, but nothing arrived before the deadline.
    private(set) var isLate = false

    private static let readBytes = 16 << 10
    private static let maximumReads = 64

    /// - Parameter request: if nil, only opens and closes a connection.
    init(port: Int, request: [UInt8]?, extent: Extent = .status, deadline: Duration) {
        self.port = port
        self.extent = extent
        self.deadline = deadline
        unsent = (request ?? [])[...]
        let raw = clp_connect_loopback(UInt16(clamping: port))
        socket = raw >= 0 ? Descriptor(raw) : nil
        onlyConnects = request == nil
        if raw < 0 { refuse(-raw) }
    }

    private let onlyConnects: Bool

    var descriptor: Int32? { result == nil ? socket?.raw : nil }

    /// The local port of this connection. Nil once it is closed.
    var localPort: Int? { socket.map { Int(clp_local_port($0.raw)) } }

    var wants: Int16 { Int16(isConnected && unsent.isEmpty ? POLLIN : POLLOUT) }

    /// - Returns: true once `result` is set.
    func proceed(at now: Duration, isReady: Bool) -> Bool {
        if result != nil { return true }
        if isReady { advance() }
        if result == nil, now >= deadline {
            result = .failed("no answer on port \(port) in time")
            isLate = true
        }
        // Closed at once, because an open connection would look like a client's request.
        if result != nil { socket = nil }
        return result != nil
    }

    private func advance() {
        guard let raw = socket?.raw else { return }
        if !isConnected {
            let error = clp_socket_error(raw)
            guard error == 0 else {
                refuse(-error)
                return
            }
            isConnected = true
            if onlyConnects {
                result = .connected
                return
            }
        }
        if !unsent.isEmpty { sendMore(raw) }
        if unsent.isEmpty, result == nil { readMore(raw) }
    }

    private func sendMore(_ raw: Int32) {
        let count = unsent.withUnsafeBytes { send(raw, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        if count > 0 {
            unsent = unsent.dropFirst(count)
        } else if errno != EAGAIN && errno != EINTR {
            // The answer may give the reason: a server that refuses a request need not read all of it.
            unsent = []
        }
    }

    private func readMore(_ raw: Int32) {
        var buffer = [UInt8](repeating: 0, count: Self.readBytes)
        for _ in 0..<Self.maximumReads {
            let count = recv(raw, &buffer, buffer.count, 0)
            if count > 0 {
                scanner.receive(buffer[0..<count])
            } else if count == 0 {
                scanner.receiveEnd()
            } else if errno == EINTR {
                continue
            } else if errno == EAGAIN {
                return
            } else {
                result = .failed("the connection to port \(port) broke: \(SystemError.last)")
                return
            }
            switch scanner.state {
            case .complete: result = .answered(status: scanner.status ?? 0)
            case .malformed(let why): result = .failed("\(why) (port \(port))")
            case .readingBody where extent == .status: result = .answered(status: scanner.status ?? 0)
            case .readingBody, .readingHead: continue
            }
            return
        }
    }

    private func refuse(_ code: Int32) {
        isRefused = code == ECONNREFUSED
        result = .failed(Self.refusal(code, port))
    }

    private static func refusal(_ code: Int32, _ port: Int) -> String {
        code == ECONNREFUSED
            ? "nothing listens on 127.0.0.1:\(port): the server must listen on the port in the variable PORT"
            : "no connection to 127.0.0.1:\(port): \(SystemError(code))"
    }

    /// A GET or POST request that asks the server to close the connection after the answer.
    static func request(method: String, path: String, port: Int, body: [UInt8] = []) -> [UInt8] {
        var head = "\(method) \(path) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nUser-Agent: mlctl\r\nConnection: close\r\n"
        if method != "GET" { head += "Content-Type: application/json\r\nContent-Length: \(body.count)\r\n" }
        return Array((head + "\r\n").utf8) + body
    }
}
