import Foundation
import ModelManifests
import Testing

@testable import Commands

@Suite("The installation that the doctor examines") struct ExaminedInstallationTests {
    @Test("options are those of mlctl run, and settings errors have the same messages")
    func options() throws {
        let command = try DoctorCommand.parse(
            [
                "--repo", "-odd", "--branch", "b", "--listen", "127.0.0.1:0", "--no-local", "--state-dir", "/s",
            ].map { $0 == "-odd" ? "./odd" : $0 })
        let state = URL(filePath: "/nowhere/state", directoryHint: .isDirectory)
        let found = InspectedInstallation.find(state: state, arguments: command.runArguments, environment: [:])
        let settings = try found.settings.get()
        #expect(settings.projects.map(\.repo) == ["./odd"] && settings.listen == "127.0.0.1:0")
        #expect(settings.servesNothingLocally)
        let broken = InspectedInstallation.find(
            state: state, arguments: ["--config=/nowhere/mlctl.yaml"], environment: [:])
        #expect(throws: InspectedInstallation.Fault.self) { try broken.settings.get() }
        #expect(broken.config == "/nowhere/mlctl.yaml")
    }

    @Test("addresses, references and webhooks that mlctl run refuses are all reported at once")
    func faults() {
        var settings = RunSettings()
        settings.projects = [Project(repo: "ftp://x"), Project(repo: "/r", reference: .branch("a..b"))]
        settings.listen = "here"
        settings.webhook = .init(url: "http://example.com/hook", secretFile: "/s")
        #expect(SettingsProblems.all(settings).count == 4)
        #expect(SettingsProblems.all(RunSettings()).isEmpty)
    }
}
