/// The verified sender of a request. The proof is a token, or the kernel's information about the other end of a local socket.
public struct Caller: Hashable, Sendable {
    /// The name in the audit trail: the token's name, or `local:` and the name of the machine's user.
    public var name: String
    public var role: AccessRole
    public var scope: AccessScope

    public init(name: String, role: AccessRole, scope: AccessScope = .everything) {
        self.name = name
        self.role = role
        self.scope = scope
    }

    static let localPrefix = "local:"

    /// A process of the controller's own user or of root. Both can read all of its files anyway.
    static func localUser(_ name: String) -> Caller { Caller(name: localPrefix + name, role: .admin) }
}
