import Logging
import Serving

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The key that signs request IDs. Created at the first start and kept, so that IDs stay valid after a restart.
struct RequestIdKeyFile: Sendable {
    let path: String

    /// Loads the key, or makes a new one. A damaged file is kept with the suffix `.broken`. If the new key cannot be written, the
    /// proxy still serves, but nothing else can verify the request IDs of this run.
    func loadOrMake(logger: Logger) -> RequestIdentityKey {
        do {
            if let bytes = try AtomicFile.load(path, bytesMax: RequestIdentityKey.byteCount) {
                if let key = RequestIdentityKey(bytes) { return key }
                throw ProxyError(.stateDirectory, "\(path) does not hold \(RequestIdentityKey.byteCount) bytes")
            }
        } catch {
            logger.error(
                "the key of request IDs cannot be read and is replaced",
                metadata: ["path": "\(path)", "reason": "\(error)"])
            rename(path, path + ".broken")
        }
        var random = SystemRandomNumberGenerator()
        let (low, high) = (random.next(), random.next())
        do {
            let bytes = [low, high].flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) } }
            try AtomicFile.save(bytes, to: path)
        } catch {
            logger.error("the key of request IDs cannot be saved", metadata: ["path": "\(path)", "reason": "\(error)"])
        }
        return RequestIdentityKey(low: low, high: high)
    }
}
