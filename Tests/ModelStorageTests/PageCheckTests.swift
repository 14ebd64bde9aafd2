import Foundation
import Testing

@testable import ModelStorage

struct PageCheckTests {
    @Test("a web page is no model, whatever its type says")
    func pages() async throws {
        let fixture = try StorageFixture()
        let server = try FileServer(fixture.www)
        try fixture.write("\n<!DOCTYPE HTML><html>Log in</html>", to: "www/model.bin")
        try fixture.write("<html>", to: "www/report.html")
        let error = try await storageError { _ = try await fixture.store().pin(uri: server.url("ok/model.bin")) }
        #expect(error?.code == .protocolError)
        #expect(error?.message.contains("a web page, not with a model") == true)
        _ = try await fixture.store().pin(uri: server.url("ok/report.html"))
        #expect(PageCheck.isPage(contentType: "text/HTML; charset=utf-8"))
        #expect(!PageCheck.isPage(contentType: "application/octet-stream"))
    }
}
