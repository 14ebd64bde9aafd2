import ControlAPI
import Foundation

/// Where a command finds its controller. Pure.
enum ControllerAddress: Hashable {
    /// What the user specified, in order of precedence.
    struct Wish: Hashable {
        /// `--server`.
        var server: String?
        /// `--state-dir`.
        var state: String?
        /// MLCTL_SERVER.
        var environmentServer: String?
        /// MLCTL_STATE_DIR.
        var environmentState: String?
    }

    /// A controller at an address.
    case address(String)
    /// The controller of a state folder.
    case state(String)
    /// Nothing was specified: the controller of the default state folder, otherwise the one at the default address.
    case usual

    init(_ wish: Wish) {
        func given(_ text: String?) -> String? { text?.isEmpty == false ? text : nil }
        if let server = given(wish.server) {
            self = .address(server)
        } else if let state = given(wish.state) {
            self = .state(state)
        } else if let server = given(wish.environmentServer) {
            self = .address(server)
        } else if let state = given(wish.environmentState) {
            self = .state(state)
        } else {
            self = .usual
        }
    }

    /// Whether an address belongs to this machine, so that a local socket may be used for it.
    static func isLocal(_ url: URL) -> Bool {
        guard let host = url.host(percentEncoded: false) else { return false }
        return ListenAddress(host: host, port: url.port ?? 0).isLoopback
    }

    /// Whether a controller that reports its address as `api` is the one that `url` means.
    static func isSame(_ api: String, as url: URL) -> Bool {
        guard let own = URL(string: api), let port = own.port, port == url.port else { return false }
        guard let host = own.host(percentEncoded: false) else { return false }
        return ["0.0.0.0", "::"].contains(host) || ListenAddress(host: host, port: port).isLoopback
    }
}
