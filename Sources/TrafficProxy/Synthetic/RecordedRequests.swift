import Serving

/// Requests that are sent again and again to try revisions: `RequestLines` of a file in the model's folder.
extension RequestLines {
    /// - Throws: `ProxyError` with the file and the line.
    init(lines bytes: [UInt8], file: String, path: String?, limits: ProxyLimits) throws {
        do throws(Fault) {
            try self.init(
                bytes, file: file, path: path, pathField: "traffic.generate.path", requestsMax: limits.recordedRequests)
        } catch {
            throw Self.error(error.message)
        }
    }

    /// - Throws: `ProxyError` if the file cannot be read, is too large, or has other content.
    init(file: String, path: String?, limits: ProxyLimits) throws {
        let bytes: [UInt8]?
        do {
            bytes = try AtomicFile.load(file, bytesMax: limits.recordedBytes)
        } catch let error as ProxyError {
            throw Self.error(error.message)
        }
        guard let bytes else { throw Self.error("\(file) does not exist: put it into the model's folder") }
        try self.init(lines: bytes, file: file, path: path, limits: limits)
    }

    private static func error(_ message: String) -> ProxyError {
        ProxyError(.recordedRequests, "recorded requests cannot be sent: \(message)")
    }
}
