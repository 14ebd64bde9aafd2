import Serving

/// Requests that are sent again and again to try revisions: `RequestLines` of a file in the model's folder.
extension RequestLines {
    /// - Throws: `ProxyError` that names the file and the line.
    init(lines bytes: [UInt8], file: String, path: String?, limits: ProxyLimits) throws {
        do throws(Fault) {
            try self.init(
                bytes, file: file, path: path, pathField: "traffic.generate.path", requestsMax: limits.recordedRequests)
        } catch {
            throw Self.error(error.message)
        }
    }

    /// - Throws: `ProxyError` where the file cannot be read, is too large, or holds something else.
    init(file: String, path: String?, limits: ProxyLimits) throws {
        let bytes: [UInt8]?
        do {
            bytes = try WholeFile.load(file, bytesMax: limits.recordedBytes)
        } catch let error as ProxyError {
            throw Self.error(error.message)
        }
        guard let bytes else { throw Self.error("\(file) is not there: put it into the model's folder") }
        try self.init(lines: bytes, file: file, path: path, limits: limits)
    }

    private static func error(_ message: String) -> ProxyError {
        ProxyError(.recordedRequests, "no recorded requests are sent: \(message)")
    }
}
