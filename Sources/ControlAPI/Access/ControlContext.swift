import Hummingbird
import NIOCore

/// The context of a request: its connection, and its sender once that is verified.
struct ControlContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel
    var proof: Proof?

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
    }

    /// How the sender was identified.
    enum Proof: Sendable {
        /// The kernel reports the user of the process at the other end of the local socket.
        case localUser(Caller)
        case token(AccessKey)
        case signature(RequestSignature, AccessKey)
        /// The cookie of a browser that is signed in.
        case session(BrowserSessions.Holder)

        var caller: Caller {
            switch self {
            case .localUser(let caller): caller
            case .session(let holder): holder.caller
            case .token(let key), .signature(_, let key): key.caller
            }
        }

        /// Whether what identified the caller is valid now: a token may be replaced, and a browser may sign out.
        func isValid(_ register: TokenRegistry, _ sessions: BrowserSessions) -> Bool {
            switch self {
            case .localUser: true
            case .token(let key), .signature(_, let key): register.current.first { $0 == key } != nil
            case .session(let holder): sessions.holder(in: holder.session) != nil
            }
        }

        /// The token that the sender knows; nil for a local user, who needs none.
        var key: AccessKey? {
            switch self {
            case .localUser: nil
            case .session(let holder): holder.key
            case .token(let key), .signature(_, let key): key
            }
        }
    }

    /// - Throws: `AccessError` on a path that does not identify callers.
    var caller: Caller {
        get throws {
            guard let proof else { throw AccessError("this request needs a token") }
            return proof.caller
        }
    }
}
