#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

enum HeldPort {
    /// A port that refuses connections until a process with SO_REUSEADDR listens there.
    ///
    /// It stays bound as long as the tests run, so that the system gives it to no other test.
    static func refusing() throws -> Int { try bound(port: 0).port }

    /// Listens at a held port without reading, while the body runs.
    static func withDeafListener<Value>(_ body: (Int) async throws -> Value) async throws -> Value {
        let (descriptor, port) = try bound(port: try refusing())
        guard listen(descriptor, 16) == 0 else { throw failure("listen") }
        defer { close(descriptor) }
        return try await body(port)
    }

    private static func bound(port: Int) throws -> (descriptor: Int32, port: Int) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var one: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(descriptor, pointer, length) == 0 && getsockname(descriptor, pointer, &length) == 0
            }
        }
        guard isBound else { throw failure("bind") }
        return (descriptor, Int(in_port_t(bigEndian: address.sin_port)))
    }

    private static func failure(_ verb: String) -> ClientError {
        ClientError(description: "cannot \(verb): \(String(cString: strerror(errno)))")
    }
}
