package kafkatest_test

import (
	"os"
	"testing"

	"github.com/ampersink/ampersink/internal/kafkatest"
)

func TestMain(m *testing.M) { os.Exit(kafkatest.Main(m)) }
