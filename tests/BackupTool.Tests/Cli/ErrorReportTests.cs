using System.Text.Json;
using BackupTool.Cli.Output;
using BackupTool.Posix;

namespace BackupTool.Tests.Cli;

public class ErrorReportTests
{
    [Fact]
    public void Gives_the_sentence_and_the_way_out()
    {
        ErrorReport report = ErrorReport.From(new Explained("The target /srv is not empty.", "Name an empty directory."));
        using var recorded = new RecordedTerminal();
        report.WriteTo(recorded.Terminal, json: false);
        report.Code.Should().Be(ExitCode.Failed);
        recorded.Error.Should().Be("error: The target /srv is not empty.\n  → Name an empty directory.\n");
        recorded.Output.Should().BeEmpty();
    }

    [Fact]
    public void Uses_the_code_registered_for_the_type_or_its_nearest_ancestor()
    {
        ErrorReport.Register<Missing>(ExitCode.NoRepository);
        ErrorReport.From(new Missing()).Code.Should().Be(ExitCode.NoRepository);
        ErrorReport.From(new MissingBelow()).Code.Should().Be(ExitCode.NoRepository);
        ErrorReport.Register<MissingBelow>(ExitCode.RepositoryDamaged);
        ErrorReport.From(new MissingBelow()).Code.Should().Be(ExitCode.RepositoryDamaged);
        ErrorReport.From(new AggregateException(new Missing())).Code.Should().Be(ExitCode.NoRepository);
    }

    [Fact]
    public void Calls_a_registered_foreign_exception_by_its_message()
    {
        ErrorReport.Register<FormatException>(ExitCode.Usage);
        (string message, ExitCode code) = (ErrorReport.From(new FormatException("bad date")).Message, ErrorReport.From(new FormatException("x")).Code);
        (message, code).Should().Be(("bad date", ExitCode.Usage));
    }

    [Fact]
    public void Says_what_a_system_call_failed_on_and_what_helps()
    {
        ErrorReport report = ErrorReport.From(new PosixException(Errno.ENOSPC, "write", BytePath.From("/srv/x")));
        (report.Message, report.Hint, report.Code).Should()
            .Be(("cannot write /srv/x: No space left on device", "Make room on that file system and run it again.", ExitCode.Failed));
    }

    [Fact]
    public void Knows_a_full_disk_from_the_base_library_too()
    {
        Exception? full = Record.Exception(() => File.WriteAllBytes("/dev/full", [1]));
        ErrorReport.From(full!).Hint.Should().StartWith("Make room");
    }

    [Fact]
    public void Says_which_library_is_not_beside_the_program()
    {
        var missing = new TypeInitializationException("SQLite", new System.Reflection.TargetInvocationException(new DllNotFoundException("Unable to load shared library 'e_sqlite3'.\nlibe_sqlite3.so: no such file")));
        ErrorReport report = ErrorReport.From(missing);
        report.Message.Should().Be("a library that belongs to this program cannot be loaded: Unable to load shared library 'e_sqlite3'");
        report.Hint.Should().Contain("libe_sqlite3.so");
        report.Code.Should().Be(ExitCode.Failed);
    }

    [Fact]
    public void Ends_a_cancelled_command_as_a_shell_expects()
    {
        ErrorReport report = ErrorReport.From(new TaskCanceledException());
        (report.Message, report.Code).Should().Be(("cancelled", ExitCode.Cancelled));
    }

    [Theory]
    [InlineData(Verbosity.Verbose, false)]
    [InlineData(Verbosity.Trace, true)]
    public void Shows_where_an_internal_error_came_from_only_at_the_highest_verbosity(Verbosity verbosity, bool shown)
    {
        Exception? thrown = Record.Exception(() => Fail("odd"));
        using var recorded = new RecordedTerminal(verbosity: verbosity);
        ErrorReport.From(thrown!).WriteTo(recorded.Terminal, json: false);
        recorded.Error.Should().StartWith("error: internal error: InvalidOperationException: odd\n");
        recorded.Error.Contains(nameof(Fail), StringComparison.Ordinal).Should().Be(shown);
    }

    [Fact]
    public void Is_one_document_on_standard_output_with_json()
    {
        using var recorded = new RecordedTerminal();
        ErrorReport.From(new Explained("No «x» in\x1b /a.", null)).WriteTo(recorded.Terminal, json: true);
        recorded.Output.Should().NotContain("\x1b").And.Contain("«x»").And.EndWith("}\n");
        using var document = JsonDocument.Parse(recorded.Output);
        JsonElement error = document.RootElement.GetProperty("error");
        error.GetProperty("message").GetString().Should().Be("No «x» in\x1b /a.");
        error.GetProperty("hint").ValueKind.Should().Be(JsonValueKind.Null);
        error.GetProperty("code").GetInt32().Should().Be(1);
    }

    private static void Fail(string message) => throw new InvalidOperationException(message);

    private sealed class Explained(string message, string? hint) : ExplainedException(message, hint);

    private class Missing() : ExplainedException("There is no repository.");

    private sealed class MissingBelow : Missing;
}
