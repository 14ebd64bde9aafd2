import Logging
import Serving

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The key that request ids are proved by: made at the first start and kept, so that what was given out stays good.
struct RequestIdKeyFile: Sendable {
    let path: String

    /// The key that is there, else a new one. A broken file stays beside for whoever wants to know why; where none can
    /// be written the proxy still serves, and nobody can check this start's ids.
    func loadOrMake(logger: Logger) -> RequestIdentityKey {
        do {
            if let bytes = try WholeFile.load(path, bytesMax: RequestIdentityKey.byteCount) {
                if let key = RequestIdentityKey(bytes) { return key }
                throw ProxyError(.stateDirectory, "\(path) does not hold \(RequestIdentityKey.byteCount) bytes")
            }
        } catch {
            logger.error("key of request ids is made anew", metadata: ["path": "\(path)", "reason": "\(error)"])
            rename(path, path + ".broken")
        }
        var random = SystemRandomNumberGenerator()
        let (low, high) = (random.next(), random.next())
        do {
            let bytes = [low, high].flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) } }
            try WholeFile.save(bytes, to: path)
        } catch {
            logger.error("key of request ids cannot be kept", metadata: ["path": "\(path)", "reason": "\(error)"])
        }
        return RequestIdentityKey(low: low, high: high)
    }
}
