import Synchronization

/// The current tokens. The code that reads the token files replaces them here; requests look them up.
public final class AccessRegister: Sendable {
    private let keys: Mutex<AccessKeys>

    public init(_ keys: AccessKeys = .none) { self.keys = Mutex(keys) }

    public var current: AccessKeys { keys.withLock { $0 } }

    public func replace(_ new: AccessKeys) { keys.withLock { $0 = new } }

    /// Whether the caller's token or local access is still valid. An event stream ends when it is not.
    func isCurrent(_ caller: Caller) -> Bool {
        caller.name.hasPrefix(Caller.localPrefix) || current.includes(caller)
    }
}
