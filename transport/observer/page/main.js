document.getElementById("page").textContent = "The observer runs. Its page is being built.";
