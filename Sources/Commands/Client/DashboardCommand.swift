import ArgumentParser
import ControlAPI
import Foundation

struct DashboardCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dashboard", abstract: "Print a link that signs a browser in to the controller's dashboard.",
        discussion: """
            The link works once, within a minute, with the rights of the caller: those of the token, or of the controller's own \
            user. It contains no token.

            Examples:
              mlctl dashboard
              mlctl dashboard --url https://models.example.com/mlctl
            """)

    @Option(
        help: ArgumentHelp(
            "The address at which the browser reaches the controller, if it is another one than this command's: that of a "
                + "tunnel or a reverse proxy.", valueName: "url"))
    var url: String?

    @OptionGroup var server: ServerOptions

    func run() async throws {
        let client = try server.client()
        let link = try await client.dashboardLink()
        let address = try base(client.server)
        try Console.standard.print([
            "\(address)/login?code=\(link.code)", "It works once, within \(link.seconds) seconds.",
        ])
    }

    private func base(_ own: URL) throws -> String {
        let text = url ?? own.absoluteString
        guard let url = URL(string: text), ["http", "https"].contains(url.scheme), url.host?.isEmpty == false,
            url.query == nil, url.fragment == nil, url.user() == nil
        else { throw ValidationError("'\(text)' is not an address; write it as \(ServerOptions.defaultServer)") }
        return text.hasSuffix("/") ? String(text.dropLast()) : text
    }
}
