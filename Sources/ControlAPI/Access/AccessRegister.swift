import Synchronization

/// The tokens as they were read last. Whoever reads the files puts what they hold in here; requests look it up.
public final class AccessRegister: Sendable {
    private let keys: Mutex<AccessKeys>

    public init(_ keys: AccessKeys = .none) { self.keys = Mutex(keys) }

    public var current: AccessKeys { keys.withLock { $0 } }

    public func replace(_ new: AccessKeys) { keys.withLock { $0 = new } }

    /// Whether what a caller was let in with still counts: a stream ends when it does not.
    func isCurrent(_ caller: Caller) -> Bool {
        caller.name.hasPrefix(Caller.localPrefix) || current.includes(caller)
    }
}
