import ModelManifests
import Testing

@Suite struct VariableReferencesTests {
    @Test(
        "references are replaced as in Kubernetes",
        arguments: [
            ("$(A)", "a"), ("$(A)$(B)", "ab"), ("x$(A)y", "xay"), ("$$(A)", "$(A)"), ("$$$(A)", "$a"),
            ("$$$$(A)", "$$(A)"),
            ("$(MISSING)", "$(MISSING)"), ("$(A", "$(A"), ("$A", "$A"), ("$", "$"), ("$$", "$"), ("a$", "a$"),
            ("$()", "$()"),
            ("$(A)$", "a$"), ("$($(A))", "$($(A))"), ("", ""), ("$(EMPTY)", ""), ("é$(A)ü", "éaü"),
        ])
    func replaced(text: String, expected: String) {
        #expect(VariableReferences.replaced(in: text, by: ["A": "a", "B": "b", "EMPTY": ""]) == expected)
    }
}
