using BackupTool.Operations;
using BackupTool.Operations.Reseed.Maubot;
using BackupTool.Posix;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Operations.Reseed;

public sealed class ClientPasswordsTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    private string File => _directory.Below("passwords");

    [Theory]
    [InlineData("\"@a:x\" = \"one\"\n# of b\n'@b:x' = 'two'\n")]
    [InlineData("\n {\"@a:x\": \"one\", \"@b:x\": \"two\"}")]
    public void Toml_and_json_are_read(string content)
    {
        ClientPasswords passwords = Read(content);
        passwords.Users.Should().Equal("@a:x", "@b:x");
        passwords.Find("@b:x")!.Reveal().Should().Be("two");
        passwords.Find("@c:x").Should().BeNull();
    }

    [Theory]
    [InlineData(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead)]
    [InlineData(UnixFileMode.UserRead | UnixFileMode.OtherRead)]
    [InlineData(UnixFileMode.UserRead | UnixFileMode.OtherWrite)]
    public void A_file_that_others_may_touch_is_refused(UnixFileMode mode) =>
        FluentActions.Invoking(() => Read("\"@a:x\" = \"one\"", mode)).Should().Throw<OperationException>().Where(e => e.Hint!.Contains("chmod 600") && !e.Message.Contains("one\""));

    [Theory]
    [InlineData("\"@a:x\" = hidden")]
    [InlineData("{\"@a:x\": \"hidden\"")]
    [InlineData("{\"@a:x\": 12345}")]
    [InlineData("\"@a:x\" = 12345")]
    [InlineData("hidden = \"x\"")]
    public void What_is_not_of_the_form_is_refused_without_quoting_it(string content) =>
        FluentActions.Invoking(() => Read(content)).Should().Throw<OperationException>().Where(e => !e.Message.Contains("hidden") && !e.Message.Contains("12345") && e.Hint!.Contains("@bot:example.org"));

    private ClientPasswords Read(string content, UnixFileMode mode = UnixFileMode.UserRead | UnixFileMode.UserWrite)
    {
        System.IO.File.WriteAllText(File, content);
        System.IO.File.SetUnixFileMode(File, mode);
        return ClientPasswords.Read(BytePath.From(File));
    }

    public void Dispose() => _directory.Dispose();
}
